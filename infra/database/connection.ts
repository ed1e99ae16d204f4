/** What stands between a URL and a connection: what is wrong with it, in words, and what to do. */
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import pg from 'pg';
import { DaybookError } from '@daybook/kernel/errors.ts';

/** Why PostgreSQL is not reached, or does not let us in. `says` names no user, host or password. */
export type ConnectionFailure = Readonly<{
  says: string;
  todo: string;
  /** The driver's own words add nothing. */
  complete?: true;
}>;

/** https://www.postgresql.org/docs/current/errcodes-appendix.html, and what Node calls failures of sockets and of TLS. */
const byCode: Readonly<Record<string, ConnectionFailure>> = {
  '28P01': {
    says: 'The database refuses the user or the password.',
    todo: 'Correct user and password in DATABASE_URL, or set the password at the server.',
  },
  '28000': {
    says: 'The database does not let this user in.',
    todo: 'Correct the user in DATABASE_URL, or let the server admit it (the role may log in, pg_hba.conf has a line for it; where that demands TLS, add sslmode=verify-full).',
  },
  '3D000': {
    says: 'There is no such database.',
    todo: 'Create it, or correct the name at the end of DATABASE_URL.',
  },
  ENOTFOUND: unknownHost(),
  EAI_AGAIN: unknownHost(),
  ECONNREFUSED: {
    says: 'The database cannot be reached.',
    todo: 'Start it, or correct host and port in DATABASE_URL.',
  },
  ERR_TLS_CERT_ALTNAME_INVALID: {
    says: 'The certificate of the database is for another host.',
    todo: 'Name the host in DATABASE_URL as its certificate does.',
  },
  CERT_HAS_EXPIRED: {
    says: 'The certificate of the database has expired.',
    todo: 'Give the server another one.',
  },
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted(),
  SELF_SIGNED_CERT_IN_CHAIN: untrusted(),
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted(),
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted(),
};

/** What pg says without a code. */
const byMessage: readonly (readonly [pattern: RegExp, failure: ConnectionFailure])[] = [
  [
    /does not support SSL connections/,
    {
      says: 'The database does not speak TLS, which is demanded of it.',
      todo: 'Turn TLS on at the server, or take sslmode out of DATABASE_URL: what is sent can then be read on the way.',
      complete: true,
    },
  ],
  [
    /client password must be a/,
    {
      says: 'The database asks for a password, and none is given.',
      todo: 'Put the password into DATABASE_URL: postgres://user:password@host:5432/database',
      complete: true,
    },
  ],
];

function unknownHost(): ConnectionFailure {
  return {
    says: 'The host of the database is not known.',
    todo: 'Correct the host in DATABASE_URL, or the names that this machine knows.',
  };
}

function untrusted(): ConnectionFailure {
  return {
    says: 'The certificate of the database is not trusted.',
    todo: 'Name its authority by sslrootcert in DATABASE_URL.',
    complete: true,
  };
}

/** What of a driver's error is about connecting; undefined for everything else. */
export function connectionFailure(error: unknown): ConnectionFailure | undefined {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (typeof code === 'string' && Object.hasOwn(byCode, code)) return byCode[code];
  if (typeof message !== 'string') return undefined;
  return byMessage.find(([pattern]) => pattern.test(message))?.[1];
}

/** What an error of ours says of connecting: undefined where it tells of something else. */
export function toldFailure({ message, cause }: DaybookError): ConnectionFailure | undefined {
  const failure = connectionFailure(cause);
  return failure?.says === message ? failure : undefined;
}

/**
 * Looks at what the driver would stumble over before it connects.
 * @throws `configuration-invalid`
 */
export function expectUsable(url: string): void {
  if (!URL.canParse(url)) return;
  const { username, password, pathname, searchParams } = new URL(url);
  try {
    [username, password, pathname].forEach(decodeURIComponent);
  } catch {
    // Without the cause: it is the password that it may be about.
    throw unusable('DATABASE_URL has a % that begins no escape.', 'Write it as %25.');
  }
  for (const name of ['sslrootcert', 'sslcert', 'sslkey']) {
    const path = searchParams.get(name);
    if (path !== null && path !== '') expectFile(path);
  }
}

function expectFile(path: string): void {
  try {
    readFileSync(path);
  } catch (cause) {
    throw unusable(
      `DATABASE_URL names the file ${path}, which cannot be read.`,
      'Put it there, or correct DATABASE_URL.',
      cause,
    );
  }
}

function unusable(says: string, todo: string, cause?: unknown): DaybookError {
  return new DaybookError('configuration-invalid', says, { fields: { todo }, cause });
}

/**
 * pg leaves a connection that it gave up by itself (no password, nothing to sign in with) to the server, which keeps it
 * for a minute, and a process with it.
 */
export class LeavingClient extends pg.Client {
  override connect(): Promise<pg.Client>;
  override connect(callback: (error: Error) => void): void;
  override connect(callback?: (error: Error) => void): Promise<pg.Client> | undefined {
    if (callback === undefined) return super.connect();
    super.connect((error: Error | null) => {
      if (error !== null) this.socket.destroy();
      callback(error as Error);
    });
    return undefined;
  }

  private get socket(): Socket {
    return (this as unknown as { connection: { stream: Socket } }).connection.stream;
  }
}
