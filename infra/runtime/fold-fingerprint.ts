import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { contracts } from '@daybook/schemas/contracts.ts';

/**
 * Fingerprints of the folds of a service's deciders, by stream category: SHA-256 over the contracts of the category's
 * events, all their versions, and the source of everything a fold may reach: the capability's folder and the files beside
 * it, the kernel, and what is hand-written in `schemas`. The boundary rules of the repository allow it nothing else.
 *
 * It changes more often than the folds do, never less: a needless change costs one fold of each long stream.
 * @param serviceFolder holds one folder a capability
 */
export async function foldFingerprints(
  serviceFolder: string,
): Promise<(category: string) => string | undefined> {
  const shared = await Promise.all([
    sourceOf(packageFolder('kernel/decider.ts'), { deep: true }),
    sourceOf(packageFolder('schemas/contracts.ts'), { deep: true }),
    sourceOf(serviceFolder, { deep: false }),
  ]);
  const events = [...contracts.values()].filter(({ stream }) => stream !== undefined);
  const fingerprints = new Map<string, string>();
  for (const [category = '', own] of Map.groupBy(events, ({ stream }) => stream)) {
    const capabilities = [...new Set(own.map(({ capability }) => capability))];
    const sources = await Promise.all(
      capabilities.map((capability) => sourceOf(join(serviceFolder, capability), { deep: true })),
    );
    if (sources.every((source) => source === '')) continue;
    const versions = own.map(({ name, versions: all }) => [name, all.map(({ fingerprint }) => fingerprint)]);
    fingerprints.set(category, sha256(JSON.stringify([shared, sources, versions])));
  }
  return (category) => fingerprints.get(category);
}

/** A fingerprint of everything that the folds of a folder may reach: it, the kernel, and the contracts. */
export async function folderFingerprint(folder: string): Promise<string> {
  const sources = [
    sourceOf(packageFolder('kernel/decider.ts'), { deep: true }),
    sourceOf(packageFolder('schemas/contracts.ts'), { deep: true }),
    sourceOf(folder, { deep: true }),
  ];
  const versions = [...contracts.values()].map(({ name, versions: all }) => [
    name,
    all.map(({ fingerprint }) => fingerprint),
  ]);
  return sha256(JSON.stringify([await Promise.all(sources), versions]));
}

const { resolve } = createRequire(import.meta.url);

function packageFolder(file: string): string {
  return dirname(resolve(`@daybook/${file}`));
}

/** A hash of the hand-written files of a folder that run in production; empty for a folder without any. */
async function sourceOf(folder: string, { deep }: Readonly<{ deep: boolean }>): Promise<string> {
  const entries = await readdir(folder, { recursive: deep, withFileTypes: true }).catch(() => []);
  const files = entries
    .filter((entry) => entry.isFile() && isSource(entry.name))
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter((file) => !/(^|\/)(node_modules|tooling)\//.test(relative(folder, file)))
    .sort();
  if (files.length === 0) return '';
  const contents = await Promise.all(
    files.map(async (file) => [relative(folder, file), sha256(await readFile(file, 'utf8'))]),
  );
  return sha256(JSON.stringify(contents));
}

function isSource(name: string): boolean {
  return name.endsWith('.ts') && !/\.(spec|specs|generated|fixture)\.ts$/.test(name);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
