import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ownCertificate } from '@daybook/test/support/certificate.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { startDaybook } from '@daybook/test/support/processes.ts';

/** A URL that is right but for what `change` makes of it. Passwords that are shown to nobody contain `lovelace`. */
let urlWith: (change: (url: URL) => void) => string;
let folder: string;
let nowhere: string;
const role = `ada_${randomUUID().slice(0, 8)}`;
const closers: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  const fresh = await freshDatabase();
  closers.push(fresh.drop);
  folder = await mkdtemp(join(tmpdir(), 'daybook-database-'));
  closers.push(() => rm(folder, { recursive: true, force: true }));
  await fresh.database.pool.query(`create role ${role} nologin password 'lovelace'`);
  closers.push(() => fresh.database.pool.query(`drop role ${role}`));
  urlWith = (change) => {
    const url = new URL(fresh.url);
    change(url);
    return url.href;
  };
  const server = await listening(() => undefined);
  nowhere = String((server.address() as AddressInfo).port);
  await new Promise((closed) => server.close(closed));
});
afterAll(async () => {
  for (const close of closers.reverse()) await close();
});

async function listening(answer: (socket: Socket) => void): Promise<Server> {
  const server = createServer(answer);
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return server;
}

/** A server that speaks TLS, as PostgreSQL is asked to, with a certificate that nobody vouches for. */
async function untrusted(): Promise<string> {
  const certificate = await ownCertificate();
  const server = await listening((socket) => {
    socket
      .on('error', () => undefined)
      .once('data', () => {
        socket.write('S');
        new TLSSocket(socket, { isServer: true, ...certificate }).on('error', () => undefined);
      });
  });
  closers.push(() => new Promise((closed) => server.close(closed)));
  return String((server.address() as AddressInfo).port);
}

async function said(
  args: readonly string[],
  url: string,
): Promise<Readonly<{ code: unknown; text: string }>> {
  const one = startDaybook(args, { DAYBOOK_DATA: join(folder, 'data'), DATABASE_URL: url });
  const code = await one.ended;
  // Neither a password, nor a stack, nor a warning of the driver.
  expect(one.output()).not.toMatch(/lovelace|^ +at |warning/im);
  // A resolver says in one way or another that it knows no such host.
  return { code, text: one.output().replace('EAI_AGAIN', 'ENOTFOUND') };
}

type Case = readonly [what: string, url: () => string | Promise<string>, says: RegExp, todo: RegExp];

const cases: readonly Case[] = [
  [
    'a wrong password',
    () => urlWith((url) => (url.password = 'lovelace')),
    /The database refuses the user or the password\. password authentication failed for user "daybook"$/m,
    /→ Correct user and password in DATABASE_URL/,
  ],
  [
    'no password',
    () => urlWith((url) => (url.password = '')),
    /The database asks for a password, and none is given\.$/m,
    /→ Put the password into DATABASE_URL/,
  ],
  [
    'a user who may not sign in',
    () => urlWith((url) => ([url.username, url.password] = [role, 'lovelace'])),
    /The database does not let this user in\. role "ada_\w+" is not permitted to log in$/m,
    /→ Correct the user in DATABASE_URL, or let the server admit it/,
  ],
  [
    'a database that is not there',
    () => urlWith((url) => ([url.pathname, url.password] = ['/acme', url.password])),
    /There is no such database\. database "acme" does not exist$/m,
    /→ Create it, or correct the name at the end of DATABASE_URL/,
  ],
  [
    'a host that nobody knows',
    () => urlWith((url) => ([url.hostname, url.password] = ['database.invalid', 'lovelace'])),
    /The host of the database is not known\. getaddrinfo \w+ database\.invalid$/m,
    /→ Correct the host in DATABASE_URL/,
  ],
  [
    'a port at which nobody listens',
    () => urlWith((url) => ([url.port, url.password] = [nowhere, 'lovelace'])),
    /The database cannot be reached\. connect ECONNREFUSED 127\.0\.0\.1:\d+$/m,
    /→ Start it, or correct host and port in DATABASE_URL/,
  ],
  [
    'TLS from a server without it',
    () => urlWith((url) => (url.search = 'sslmode=require')),
    /The database does not speak TLS, which is demanded of it\.$/m,
    /→ Turn TLS on at the server, or take sslmode out of DATABASE_URL/,
  ],
  [
    'a certificate that nobody vouches for',
    async () => {
      const port = await untrusted();
      return urlWith((url) => ([url.port, url.search] = [port, 'sslmode=verify-full']));
    },
    /The certificate of the database is not trusted\.$/m,
    /→ Name its authority by sslrootcert in DATABASE_URL/,
  ],
  [
    'an authority in a file that is not there',
    () => urlWith((url) => (url.search = 'sslmode=verify-full&sslrootcert=/nowhere/ca.pem')),
    /DATABASE_URL names the file \/nowhere\/ca\.pem, which cannot be read\./,
    /→ Put it there, or correct DATABASE_URL/,
  ],
  [
    'a password with a sign that is written otherwise in a URL',
    () => urlWith((url) => (url.password = 'x')).replace(':x@', ':love%lovelace@'),
    /DATABASE_URL has a % that begins no escape\./,
    /→ Write it as %25/,
  ],
];

describe('a DATABASE_URL that does not work', () => {
  test.each(cases)(
    '%s: the start ends with one message, and the doctor and other commands say the same',
    async (_, urlOf, says, todo) => {
      const url = await urlOf();
      const [up, run, doctor, migrate] = await Promise.all([
        said(['up', '--port', '0'], url),
        said(['run', 'projectors', '--port', '0'], url),
        said(['doctor', '--port', '0'], url),
        said(['migrate'], url),
      ]);
      expect(up.code).toBe(3);
      expect(up.text).toMatch(/^Daybook does not start: one thing is to be mended first\.\n {2}Database: /);
      expect(run).toEqual(up);
      expect(doctor.code).toBe(1);
      expect(doctor.text).toMatch(/^1 to mend before it can start\.$/m);
      expect(migrate.code).toBeGreaterThan(0);
      for (const { text } of [up, doctor, migrate]) {
        expect(text).toMatch(says);
        expect(text).toMatch(todo);
      }
    },
    60_000,
  );
});
