import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DomainError, invalidInput } from '../../../src/errors.ts';
import { readRows } from '../../../src/users/import/csv-file.ts';
import { type ExportedUser, headerLine, writeRow } from '../../../src/users/import/csv-rules.ts';
import { seed } from '../../fuzz/settings.ts';

const header = 'id,email,name,billingId,metadata';

describe('readRows', () => {
  it.each<[string, string, object[]]>([
    ['a header alone holds no rows', header, []],
    [
      'a row says what its cells say',
      `${header}\n1,ada@x.io,Ada,cus_1,"{""a"":[1,null]}"\n`,
      [
        {
          line: 2,
          facts: { id: '1', email: 'ada@x.io', name: 'Ada', billingId: 'cus_1', metadata: { a: [1, null] } },
        },
      ],
    ],
    [
      'columns come in any order, and not all of them',
      'name,id\nAda,1\nBob,2',
      [
        { line: 2, facts: { name: 'Ada', id: '1' } },
        { line: 3, facts: { name: 'Bob', id: '2' } },
      ],
    ],
    [
      'columns are named in any case, with spaces and underscores',
      '\ufeff ID ,E-mail, Billing ID\n1,a@x,c',
      [{ line: 2, facts: { id: '1', email: 'a@x', billingId: 'c' } }],
    ],
    [
      'cells are between semicolons',
      'id;"name";metadata\n1;"A, B; C";"{""a"": 1, ""b"": 2}"',
      [{ line: 2, facts: { id: '1', name: 'A, B; C', metadata: { a: 1, b: 2 } } }],
    ],
    ['cells are between tabs', 'id\tname\n1\tA, B; C', [{ line: 2, facts: { id: '1', name: 'A, B; C' } }]],
    [
      'a number that JSON does not hold exactly is refused',
      'id,metadata\n1,"{""a"": 12345678901234567890}"',
      [
        {
          line: 2,
          facts: invalidInput(
            'row.metadata',
            'must hold only numbers that JSON holds exactly: send others as text',
          ),
        },
      ],
    ],
    [
      'an empty cell, and one that is left out at the end, says nothing',
      `${header}\n1,,"",\n2`,
      [
        { line: 2, facts: { id: '1' } },
        { line: 3, facts: { id: '2' } },
      ],
    ],
    [
      'spaces are part of a cell',
      'id,name\n 1 ,\tAda',
      [{ line: 2, facts: invalidInput('row.name', 'must not contain control characters') }],
    ],
    ['a space is a name', 'id,name\n 1 , Ada ', [{ line: 2, facts: { id: ' 1 ', name: ' Ada ' } }]],
    [
      'a byte order mark and the line endings of Windows are taken as they come',
      '\ufeffid,name\r\n1,Ada\r\n2,Bob\r\n',
      [
        { line: 2, facts: { id: '1', name: 'Ada' } },
        { line: 3, facts: { id: '2', name: 'Bob' } },
      ],
    ],
    [
      'line endings may be mixed',
      'id,name\r1,Ada\n2,Bob\r\n3,Cy',
      [
        { line: 2, facts: { id: '1', name: 'Ada' } },
        { line: 3, facts: { id: '2', name: 'Bob' } },
        { line: 4, facts: { id: '3', name: 'Cy' } },
      ],
    ],
    [
      'quotes hold commas, quotes and line breaks, and lines are counted on',
      'id,metadata\r\n"a,b","{""a"":\r\n""\\n""}"\r\n\r\n,\r\n"say ""hi""",\r\n',
      [
        { line: 2, facts: { id: 'a,b', metadata: { a: '\n' } } },
        { line: 6, facts: { id: 'say "hi"' } },
      ],
    ],
    ['metadata may be null', 'id,metadata\n1,null', [{ line: 2, facts: { id: '1', metadata: null } }]],
    [
      'an apostrophe before a formula is taken off, once, and no other',
      "id,name\n'=1+1,''=x\n'-1,'tis\n=1,'",
      [
        { line: 2, facts: { id: '=1+1', name: "'=x" } },
        { line: 3, facts: { id: '-1', name: "'tis" } },
        { line: 4, facts: { id: '=1', name: "'" } },
      ],
    ],
    [
      'a bad row is an error of its own',
      `${header}\n${'x'.repeat(256)}\n1,,,,[]\n2,,,,{a}\n3,a,b,c,{},more\n4`,
      [
        { line: 2, facts: invalidInput('row.id', 'must be at most 255 characters') },
        { line: 3, facts: invalidInput('row.metadata', 'must be a JSON object') },
        { line: 4, facts: invalidInput('row.metadata', 'must be a JSON object') },
        { line: 5, facts: invalidInput('row', 'has 6 cells, but the header names 5 columns') },
        { line: 6, facts: { id: '4' } },
      ],
    ],
  ])('%s', async (_name, csv, rows) => {
    expect(await readRows(csv)).toEqual(rows);
  });

  it.each([
    ['no header', '', 'must begin with a header, such as "id,email,name,billingId,metadata"'],
    ['empty lines alone', '\n\n', 'must begin with a header, such as "id,email,name,billingId,metadata"'],
    [
      'an unknown column',
      'id,phone',
      'has an unknown column "phone"; there are id, email, name, billingId, metadata, packages, usage:<featureId>',
    ],
    ['a column twice', 'id,name,id', 'has the column "id" twice'],
    ['a column twice in other letters', 'id,Billing ID,billing_id', 'has the column "billing_id" twice'],
    [
      'an open quote',
      'id\n1\n"2\n3',
      'cannot be read: Quote Not Closed: the parsing is finished with an opening quote at line 4',
    ],
    ['more than 10,000 rows', `id\n${'1\n'.repeat(10_001)}`, 'must hold at most 10000 rows'],
  ])('refuses %s as a whole', async (_name, csv, problem) => {
    await expect(readRows(csv)).rejects.toThrow(invalidInput('csv', problem));
  });

  it('reads 10,000 rows', async () => {
    expect(await readRows(`id\n${'1\n'.repeat(10_000)}`)).toHaveLength(10_000);
  });
});

const writeRows = (users: readonly ExportedUser[]) => headerLine + users.map(writeRow).join('');

describe('writeRow', () => {
  const bare = { email: null, name: null, billingId: null, metadata: {} };

  it.each<[string, ExportedUser[], string]>([
    ['nobody is a header', [], `${header}\n`],
    [
      'users are rows, in order',
      [
        { id: '2', email: 'ada@x.io', name: 'Ada', billingId: 'cus_1', metadata: { a: 1 } },
        { ...bare, id: '1', metadata: null },
      ],
      `${header}\n2,ada@x.io,Ada,cus_1,"{""a"":1}"\n1,,,,null\n`,
    ],
    [
      'what a spreadsheet would take for a formula has an apostrophe before it',
      [
        { ...bare, id: '=1+1', email: '@x', name: '-Ada', billingId: '+1' },
        { ...bare, id: "'=1", name: "'tis" },
      ],
      `${header}\n'=1+1,'@x,'-Ada,'+1,{}\n''=1,,'tis,,{}\n`,
    ],
  ])('%s', (_name, users, csv) => {
    expect(writeRows(users)).toBe(csv);
  });

  it('is undone by readRows, whatever is written', async () => {
    const text = fc.string({ unit: fc.constantFrom(...`a'"=+-@,; |{}\\é😀`), minLength: 1, maxLength: 6 });
    const user = fc.record({
      id: text.filter((id) => id.trim() !== ''),
      email: fc.option(text),
      name: fc.option(text),
      billingId: fc.option(text),
      metadata: fc.option(fc.dictionary(text, fc.oneof(text, fc.constantFrom('\n', '\r\n', 1, null, [{}])))),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(user, { maxLength: 5 }), async (users) => {
        const read = (await readRows(writeRows(users))).map(({ facts }) => {
          if (facts instanceof DomainError) throw facts;
          return { email: null, name: null, billingId: null, ...facts };
        });
        expect(read).toEqual(
          users.map((written) => ({ ...written, metadata: written.metadata && { ...written.metadata } })),
        );
      }),
      { seed, numRuns: Number(process.env.RUNS ?? 100) },
    );
  });

  it('is undone by readRows in a long file, which is read in pieces', async () => {
    const users = Array.from({ length: 5_000 }, (_, index) => ({
      id: `${index}${'x'.repeat(index % 7)}"é😀`,
      email: `,"\n${index}`.slice(0, 2),
      name: '😀'.repeat(1 + (index % 5)),
      billingId: null,
      metadata: { text: '"\n😀' },
    }));
    const rows = await readRows(writeRows(users));
    expect(rows.map(({ facts }) => facts)).toEqual(users.map(({ billingId: _, ...facts }) => facts));
  });
});
