import type { Client } from 'pg';
import { openSession } from './session.ts';

/** What only grows. The server's role reads and adds to it; what changes or deletes rows are functions of the owner. */
const appendOnly = ['usage_event', 'audit_entry', 'seal'];
/** What the server's role only reads: the owner and its functions write it. */
const readOnly = ['seal_amendment', 'ledger_drop', '_prisma_migrations'];
const functions = [
  'forget_usage(bigint[], text)',
  'move_usage(bigint, bigint[], text)',
  'forget_audit(text, bigint[], text)',
  'add_usage_partitions(bigint)',
  'turn_ledger()',
  'drop_usage(bigint)',
  'analyze_ledger()',
];

/**
 * Gives the role of `url` the rights that a server needs, on what the role of `ownerUrl` owns, and no right to change or
 * delete rows of the ledger and the audit log. It can be done again at every start. If both are one role, nothing is
 * done.
 */
export async function grantServerRights(ownerUrl: string, url: string): Promise<void> {
  const role = await readRole(url);
  const owner = await openSession(ownerUrl);
  try {
    const { rows } = await owner.query<{ owner: string; schema: string }>(
      'select current_user as owner, current_schema() as schema',
    );
    const [at] = rows;
    if (at === undefined || at.owner === role) return;
    // One transaction: at no moment has the role a right too many.
    await owner.query('begin');
    await owner.query(rights(owner, role, at.schema).join(';\n'));
    await hidePartitions(owner, role);
    await showQueue(owner, role);
    await owner.query('commit');
  } finally {
    await owner.end();
  }
}

async function readRole(url: string): Promise<string> {
  const session = await openSession(url);
  const { rows } = await session.query<{ role: string }>('select current_user as role');
  await session.end();
  if (rows[0] === undefined) throw new Error('the database returned no role');
  return rows[0].role;
}

function rights(session: Client, role: string, schema: string): string[] {
  const to = session.escapeIdentifier(role);
  const ours = session.escapeIdentifier(schema);
  const tables = (names: string[]) => names.map((name) => `${ours}.${name}`).join(', ');
  return [
    `grant usage on schema ${ours}, graphile_worker to ${to}`,
    `grant select, insert, update, delete on all tables in schema ${ours} to ${to}`,
    `revoke update, delete, truncate on ${tables([...appendOnly, ...readOnly])} from ${to}`,
    `revoke insert on ${tables(readOnly)} from ${to}`,
    `grant usage, select on all sequences in schema ${ours} to ${to}`,
    ...functions.map((name) => `grant execute on function ${ours}.${name} to ${to}`),
    `grant all on all tables in schema graphile_worker to ${to}`,
    `grant all on all sequences in schema graphile_worker to ${to}`,
    `grant execute on all functions in schema graphile_worker to ${to}`,
  ];
}

/** Rows of the ledger are reached by its own name only. Keys of earlier versions are read in the first partition. */
async function hidePartitions(owner: Client, role: string): Promise<void> {
  const { rows } = await owner.query<{ partition: string }>(
    `select inhrelid::regclass::text as partition from pg_inherits where inhparent = 'usage_event'::regclass`,
  );
  const to = owner.escapeIdentifier(role);
  for (const { partition } of rows) await owner.query(`revoke all on ${partition} from ${to}`);
  await owner.query(`grant select on usage_event_first to ${to}`);
}

/** The queue's tables have row security, which shows their rows to nobody but their owner. */
async function showQueue(owner: Client, role: string): Promise<void> {
  const { rows } = await owner.query<{ queue: string }>(
    `select oid::regclass::text as queue from pg_class
     where relnamespace = 'graphile_worker'::regnamespace and relrowsecurity`,
  );
  const policy = owner.escapeIdentifier(`open_kana ${role}`.slice(0, 63));
  for (const { queue } of rows) {
    await owner.query(`drop policy if exists ${policy} on ${queue}`);
    await owner.query(
      `create policy ${policy} on ${queue} to ${owner.escapeIdentifier(role)} using (true) with check (true)`,
    );
  }
}
