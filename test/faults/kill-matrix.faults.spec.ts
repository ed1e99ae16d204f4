/**
 * The kill matrix: for every failpoint there is, a system that dies there by SIGKILL under load comes back, answers what
 * was not answered, settles, and loses and doubles nothing. A failpoint that is not reached fails its case.
 */
import { afterAll, expect, test } from '@jest/globals';
import { failpoints, type FailpointName } from '@daybook/infra/failpoints/names.ts';
import { openKillHouse, type KillHouse } from './kill-house.ts';
import { dieAndComeBack, type Comeback } from './kill-run.ts';
import { sideBySide } from './side-by-side.ts';

/** Cases mostly wait: for leases, for polls, for a shop that is asked slowly. */
const atOnce = 10;

/** A part of the names for a first look, such as `FAILPOINT=relay`. */
const chosen = process.env['FAILPOINT'] ?? '';
/** Steps that need a Kafka: `move-topics.engines.spec.ts` and `move-log-on-kafka.engines.spec.ts` have them. */
const needsKafka = /^topicsMove\.|^logMove\.emptied$/;
const names = (Object.keys(failpoints) as FailpointName[]).filter(
  (name) => name.startsWith(chosen) && !needsKafka.test(name),
);

let house: Promise<KillHouse> | undefined;
const comebacks = new Map<string, Comeback>();
const comebackOf = sideBySide(names, atOnce, async (name) =>
  dieAndComeBack(name, await (house ??= openKillHouse())),
);

afterAll(async () => {
  await (await house)?.close();
  const slowest = [...comebacks].sort(([, a], [, b]) => b.settledMs - a.settledMs).slice(0, 10);
  const lines = slowest.map(
    ([name, { readyMs, settledMs }]) => `  ${name}: ${readyMs.toFixed(0)} ms, ${settledMs.toFixed(0)} ms`,
  );
  process.stderr.write(`Slowest to be ready, and to settle, after a death:\n${lines.join('\n')}\n`);
}, 180_000);

test.each(names)(
  'a death at %s loses and doubles nothing',
  async (name) => {
    const comeback = await comebackOf(name);
    comebacks.set(name, comeback);
    expect(comeback.wrong).toEqual([]);
  },
  300_000,
);
