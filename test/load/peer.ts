import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { importPeer } from './peers/import-peer.ts';

const folder = join(import.meta.dirname, 'peers');

/**
 * Imports a package of `peers/package.json`. The peers are no workspace, so that the ordinary install stays small:
 * the first bench that wants one installs them into that folder.
 */
export async function loadPeer<T>(name: string, print: (line: string) => void): Promise<T> {
  await peerFolder(name, print);
  return (await importPeer(name)) as T;
}

/** The folder of a package of `peers/package.json`. */
export async function peerFolder(name: string, print: (line: string) => void): Promise<string> {
  const found = join(folder, 'node_modules', name);
  if (!existsSync(found)) {
    print(`installing the peers into ${folder}`);
    await install();
  }
  return found;
}

function install(): Promise<void> {
  return new Promise((done, fail) => {
    const child = spawn('npm', ['install', '--no-audit', '--no-fund', '--workspaces=false'], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    child.on('error', fail);
    child.on('exit', (code) => {
      if (code === 0) done();
      else fail(new Error(`npm install of the peers ended with ${String(code)}.`));
    });
  });
}
