/** What the demo remembers in the data folder, so that a second start goes on with the same tenant and shop. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DemoAccount } from './tour.ts';

export type DemoMemory = Readonly<{
  seed: number;
  /** When the shop opened for the first time, in epoch milliseconds: its prices go on from there. */
  openedAtMs: number;
  /** The shop's port: products are tracked by it. */
  shopPort?: number;
  account?: DemoAccount;
}>;

export type DemoNotebook = Readonly<{
  read: () => Promise<DemoMemory | undefined>;
  write: (memory: DemoMemory) => Promise<void>;
}>;

/** The notebook of a data folder. A file that cannot be read counts as none: the demo starts anew. */
export function demoNotebook(folder: string): DemoNotebook {
  const file = join(folder, 'demo.json');
  return {
    read: async () => {
      try {
        return JSON.parse(await readFile(file, 'utf8')) as DemoMemory;
      } catch {
        return undefined;
      }
    },
    write: async (memory) => {
      await writeFile(`${file}.new`, `${JSON.stringify(memory, null, 2)}\n`, { mode: 0o600 });
      await rename(`${file}.new`, file);
    },
  };
}
