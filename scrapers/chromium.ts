import { existsSync, globSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where distributions and installers put Chromium and what is built on it. */
const usualPlaces = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/lib/chromium/chromium',
  '/snap/bin/chromium',
  '/usr/bin/google-chrome-stable',
  '/usr/bin/google-chrome',
  '/opt/google/chrome/chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe',
];

/** Where `npx playwright install chromium` puts its own (https://playwright.dev/docs/browsers). */
const playwrightPlaces = [
  ['.cache/ms-playwright', 'chromium-*/chrome-linux*/chrome'],
  ['Library/Caches/ms-playwright', 'chromium-*/chrome-mac*/*.app/Contents/MacOS/*'],
  ['AppData/Local/ms-playwright', 'chromium-*/chrome-win*/chrome.exe'],
] as const;

/**
 * The path of a Chromium: the configured one, or the first of the usual places and Playwright's own. Undefined where
 * there is none; a configured path that does not exist is not replaced by another.
 */
export function findChromium(configured?: string): string | undefined {
  if (configured !== undefined && configured !== '') return existsSync(configured) ? configured : undefined;
  const usual = usualPlaces.find((path) => existsSync(path));
  if (usual !== undefined) return usual;
  for (const [folder, pattern] of playwrightPlaces) {
    const cwd = join(homedir(), folder);
    const latest = existsSync(cwd) ? globSync(pattern, { cwd }).sort().at(-1) : undefined;
    if (latest !== undefined) return join(cwd, latest);
  }
  return undefined;
}
