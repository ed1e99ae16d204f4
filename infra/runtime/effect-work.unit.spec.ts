import { expect, test } from '@jest/globals';
import { DaybookError } from '@daybook/kernel/errors.ts';
import { ofOwnEngines, reporting } from './effect-handlers.ts';
import { outcomeOfFailure } from './effect-work.ts';
import type { LeasedEffect } from './outbox.ts';

const away = (): DaybookError => new DaybookError('unavailable', 'Away.', { retry: 'later' });
const called = {
  effect: { kind: 'call', effect: 'mail', input: {} },
  attempts: 40,
} as unknown as LeasedEffect;
const metadata = {} as LeasedEffect['metadata'];

async function thrownBy(work: () => Promise<unknown>): Promise<unknown> {
  return work().then(
    () => undefined,
    (error: unknown) => error,
  );
}

test('a call that fails outside is given up after so many attempts', () => {
  expect(outcomeOfFailure(called, away(), {})).toMatchObject({ is: 'dead' });
});

test('a call that could not report back is repeated for as long as the own engines are away', async () => {
  const send = reporting({ send: () => Promise.reject(away()) }, 'effect', metadata, {
    name: 'mail',
    at: '',
  });
  const error = await thrownBy(() => send({ command: 'RecordMail', input: {} }));
  expect(outcomeOfFailure(called, error, {})).toMatchObject({ is: 'again' });
});

test('what no repetition helps is given up, wherever it failed', async () => {
  const refused = new DaybookError('configuration-invalid', 'No.');
  const error = await thrownBy(() => ofOwnEngines(() => Promise.reject(refused)));
  expect(outcomeOfFailure(called, error, {})).toMatchObject({ is: 'dead' });
});
