import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { afterEach, expect, test } from '@jest/globals';
import { confluentSchemaRegistry } from './confluent.ts';

const schema = JSON.stringify({ type: 'record', name: 'Paid', fields: [{ name: 'id', type: 'string' }] });
let server: Server | undefined;

/** A loopback server that answers every call in one way. Answers with its URL, with credentials. */
async function answering(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
  const listener = createServer(answer);
  server = listener;
  await new Promise<void>((ready) => listener.listen(0, '127.0.0.1', ready));
  return `http://key:s3cr%2Ft@127.0.0.1:${String((listener.address() as AddressInfo).port)}/registry/`;
}

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

const statuses = [
  { status: 401, code: 'unavailable', message: 'The schema registry refuses the credentials.' },
  { status: 403, code: 'unavailable', message: 'The schema registry refuses the credentials.' },
  { status: 404, code: 'unavailable', message: 'There is no schema registry at this address.' },
  { status: 409, code: 'schema-incompatible', message: 'The schema registry refuses the schema.' },
  { status: 422, code: 'schema-incompatible', message: 'The schema registry refuses the schema.' },
  { status: 500, code: 'unavailable', message: 'The schema registry is away.' },
];

test.each(statuses)('status $status is $code, without what is secret', async ({ status, code, message }) => {
  const seen: (string | undefined)[] = [];
  const url = await answering(({ headers }, response) => {
    seen.push(headers.authorization);
    response.writeHead(status, { 'Content-Type': 'application/json' }).end('{"message":"no"}');
  });
  const error = await confluentSchemaRegistry({ url })
    .register('things-Paid', schema)
    .catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code, message });
  const authorization = `Basic ${Buffer.from('key:s3cr/t').toString('base64')}`;
  expect(new Set(seen)).toEqual(new Set([authorization]));
  for (const secret of ['s3cr', authorization.slice(6)]) {
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(secret);
  }
});

test('calls go below the path of the URL, subjects escaped', async () => {
  const paths: (string | undefined)[] = [];
  const url = await answering(({ url: path }, response) => {
    paths.push(path);
    response.writeHead(404, { 'Content-Type': 'application/json' }).end('{}');
  });
  expect(await confluentSchemaRegistry({ url }).versions('a b/c-Paid')).toEqual([]);
  expect(paths).toEqual(['/registry/subjects/a%20b%2Fc-Paid/versions/latest']);
});
