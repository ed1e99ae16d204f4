/**
 * The kill matrix where topics are in Kafka: a system that dies at a step that has to do with them comes back, settles, and
 * loses and doubles nothing. A broker goes from case to case, where what it holds is whole afterwards.
 */
import { afterAll, expect, test } from '@jest/globals';
import { failpoints, type FailpointName } from '@daybook/infra/failpoints/names.ts';
import { describeWithEngines } from '../engines/engine-suite.ts';
import { openKillHouse, type KillHouse } from './kill-house.ts';
import { dieAndComeBack } from './kill-run.ts';
import { sideBySide } from './side-by-side.ts';

/** Steps of the database alone, of other adapters, or passed over by Kafka's: the matrix on the database has them. */
const elsewhere = /^(retention|relay\.(taking|keeping|kept|blocking|blocked|resigning|resigned))/;

/** K5 to K7 and K11, and each step of those who consume. */
const ofTopics = /^(relay|topics|projector|process)\./;
const chosen = process.env['FAILPOINT'] ?? '';
const names = (Object.keys(failpoints) as FailpointName[]).filter(
  (name) => ofTopics.test(name) && !elsewhere.test(name) && name.startsWith(chosen),
);
const atOnce = 4;

describeWithEngines('deaths where topics are in Kafka', ['kafka', 'registry'], (_, registry = '') => {
  let house: Promise<KillHouse> | undefined;
  const comebackOf = sideBySide(names, atOnce, async (name) =>
    dieAndComeBack(name, await (house ??= openKillHouse({ kafkaWithRegistry: registry }))),
  );

  afterAll(async () => {
    await (await house)?.close();
  }, 60_000);

  test.each(names)(
    'a death at %s loses and doubles nothing',
    async (name) => {
      expect((await comebackOf(name)).wrong).toEqual([]);
    },
    300_000,
  );
});
