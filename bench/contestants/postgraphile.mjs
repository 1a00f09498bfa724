// PostGraphile 4 over one PL/pgSQL function (postgraphile.sql).
import { createServer } from 'node:http';
import { postgraphile } from 'postgraphile';

const handler = postgraphile(process.env.DATABASE_URL, 'bench', { disableQueryLog: true });
createServer(handler).listen(Number(process.env.PORT), '127.0.0.1', () => process.send?.('ready'));
