import { randomUUID } from 'node:crypto';
import { onServer, withDatabase } from './server.ts';

export interface TestDatabase {
  url: string;
  drop(): Promise<void>;
}

/** A migrated database without rows, for one test file. */
export function createTestDatabase(): Promise<TestDatabase> {
  return copyDatabase(templateName());
}

/** A database with nothing in it. @param options such as its locale */
export function createEmptyDatabase(options = ''): Promise<TestDatabase> {
  return copyDatabase(`template0 ${options}`);
}

async function copyDatabase(source: string): Promise<TestDatabase> {
  // The run's own prefix, by which what a broken test leaves behind is dropped at the end.
  const name = `${templateName()}_${randomUUID().slice(0, 8)}`;
  await onServer(server(), `create database ${name} template ${source}`);
  return {
    url: withDatabase(server(), name),
    drop: () => onServer(server(), `drop database if exists ${name} with (force)`),
  };
}

function template(): string {
  const url = process.env.TEST_DATABASE_TEMPLATE;
  if (url === undefined) throw new Error('Run the tests with `npm test`, which starts their database.');
  return url;
}

const templateName = () => new URL(template()).pathname.slice(1);
const server = () => withDatabase(template(), 'postgres');
