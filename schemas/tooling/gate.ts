import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { topicContracts } from '../topics.ts';
import { upcasters } from '../upcasters.ts';
import { lockProblems, readLock } from './lock.ts';
import { generateOutputs } from './outputs.ts';
import {
  annotationProblems,
  compatibilityProblems,
  nameProblems,
  topicProblems,
  upcasterProblems,
} from './rules.ts';

/**
 * Everything that is wrong with the contracts of a repository, each as a sentence that says what to do. Asks no
 * registry: compatibility is known before any is reached.
 */
export function contractProblems(root: string): readonly string[] {
  const { sources, whole, files } = generateOutputs(root);
  return [
    ...lockProblems(readLock(root), whole),
    ...compatibilityProblems(whole),
    ...annotationProblems(sources, whole),
    ...nameProblems(whole),
    ...upcasterProblems(whole, upcasters),
    ...topicProblems(whole, topicContracts),
    ...staleFiles(files, (path) => read(join(root, path))),
  ];
}

/** Generated files that differ from what is checked in. */
export function staleFiles(
  files: ReadonlyMap<string, string>,
  checkedIn: (path: string) => string | null,
): readonly string[] {
  return [...files]
    .filter(([path, text]) => checkedIn(path) !== text)
    .map(([path]) => `${path} is not what the schemas generate: run "npm run generate" and commit it.`);
}

function read(path: string): string | null {
  return existsSync(path) ? readFileSync(path, 'utf8') : null;
}
