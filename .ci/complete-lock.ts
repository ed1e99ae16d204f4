/**
 * Completes `package-lock.json` for every platform. A registry that mirrors only some platforms leaves the optional
 * packages of the others out of the lock that `npm install` writes, and `npm ci` then refuses it everywhere. This adds
 * what their dependents ask for: the exact version, and the platform that their names tell.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

type Entry = Readonly<{
  version?: string;
  dev?: boolean;
  optionalDependencies?: Readonly<Record<string, string>>;
  [field: string]: unknown;
}>;

const file = join(import.meta.dirname, '../package-lock.json');
const lock = JSON.parse(readFileSync(file, 'utf8')) as { packages: Record<string, Entry> };

const systems = ['darwin', 'linux', 'win32', 'windows', 'freebsd', 'android', 'openharmony', 'aix', 'sunos'];
const processors = ['x64', 'arm64', 'arm', 'ia32', 'ppc64', 's390x', 'riscv64', 'loong64'];

/** Whether a package finds another in its own or an outer `node_modules`. */
function found(from: string, name: string): boolean {
  for (let place = from; ; place = place.slice(0, Math.max(0, place.lastIndexOf('/node_modules/')))) {
    if (`${place === '' ? '' : `${place}/`}node_modules/${name}` in lock.packages) return true;
    if (place === '') return false;
    if (!place.includes('/node_modules/')) place = '';
  }
}

function platformEntry(name: string, version: string, dependent: Entry): Entry | null {
  const words = name.split(/[/-]/);
  const system = systems.find((word) => words.includes(word));
  if (system === undefined) return null;
  const processor = processors.find((word) => words.includes(word));
  const musl = words.some((word) => word.startsWith('musl'));
  const glibc = system === 'linux' && words.some((word) => word.startsWith('gnu'));
  return {
    version,
    ...(processor === undefined ? {} : { cpu: [processor] }),
    ...(dependent.dev === true ? { dev: true } : {}),
    ...(musl ? { libc: ['musl'] } : glibc ? { libc: ['glibc'] } : {}),
    optional: true,
    os: [system === 'windows' ? 'win32' : system],
  };
}

let added = 0;
for (const [path, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const platform = found(path, name) ? null : platformEntry(name, version, entry);
    if (platform === null) continue;
    lock.packages[`node_modules/${name}`] = platform;
    added += 1;
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
process.stdout.write(`${String(added)} packages of other platforms added to the lock.\n`);
