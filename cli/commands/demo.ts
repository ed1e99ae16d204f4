import { randomBytes } from 'node:crypto';
import { DaybookError } from '@daybook/kernel/errors.ts';
import { openShop } from '../demo/shop/shop.ts';
import { playTour } from '../demo/tour.ts';
import type { DemoOptions } from '../program.ts';
import { exitCodes, type ExitCode } from '../sentences.ts';
import { stopSignals } from '../signals.ts';
import { screenFor } from '../terminal/screen.ts';
import { up } from './up.ts';

/** The demo: with everything in this process, or against a Daybook that runs elsewhere. */
export async function demo({ url, ...options }: DemoOptions): Promise<ExitCode> {
  return url === undefined ? up({ ...options, demo: true }) : against(url);
}

async function against(url: string): Promise<ExitCode> {
  const base = URL.parse(url);
  if (base === null || !['http:', 'https:'].includes(base.protocol)) {
    throw new DaybookError('configuration-invalid', `"${url}" is no http address.`);
  }
  const screen = screenFor(process.stdout);
  const shop = await openShop({ port: 4_100, seed: randomBytes(2).readUInt16BE() });
  const signals = stopSignals(() => {
    screen.close();
  });
  try {
    screen.print([`The shop stands at ${shop.host}: that Daybook needs OUTBOUND_ALLOW_HOSTS=${shop.host}.`]);
    await playTour({
      url: base.origin,
      shop,
      screen,
      live: process.stdout.isTTY,
      keepAccount: () => Promise.resolve(),
      renew: () => Promise.reject(new Error('The token has run out: start the demo again.')),
      signal: signals.signal,
    });
    return exitCodes.ok;
  } finally {
    await shop.close();
    signals.release();
  }
}
