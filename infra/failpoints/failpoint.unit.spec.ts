import { expect, test } from '@jest/globals';
import { armFailpoints, failpoint, onFailpoint } from './failpoint.ts';
import { readFailpoints } from './plan.ts';

test('what is not armed does nothing, and waits for nothing', () => {
  expect(failpoint('relay.read')).toBeUndefined();
  const disarm = onFailpoint('relay.read', { does: () => undefined });
  expect(failpoint('relay.encoded')).toBeUndefined();
  expect(failpoint('relay.read')).toBeInstanceOf(Promise);
  disarm();
  expect(failpoint('relay.read')).toBeUndefined();
});

test('with nth it acts at that hit alone, else at each; what it throws is thrown at the place', async () => {
  const seen: string[] = [];
  const disarm = [
    onFailpoint('relay.read', { does: () => void seen.push('each') }),
    onFailpoint('relay.read', {
      nth: 2,
      does: () => {
        throw new Error('died');
      },
    }),
  ];
  await failpoint('relay.read');
  await expect(failpoint('relay.read')).rejects.toThrow('died');
  await failpoint('relay.read');
  expect(seen).toEqual(['each', 'each', 'each']);
  for (const one of disarm) one();
});

test('from outside: throws as an engine that is away, once or from a hit on', async () => {
  const disarm = armFailpoints(readFailpoints('relay.read:2:throw, relay.encoded:2+:throw').plans);
  const outcomes = async (name: 'relay.read' | 'relay.encoded'): Promise<readonly string[]> => {
    const seen: string[] = [];
    for (let hit = 1; hit <= 4; hit += 1) {
      try {
        await failpoint(name);
        seen.push('passed');
      } catch (error) {
        expect(error).toMatchObject({ code: 'unavailable', retry: 'later', fields: { failpoint: name } });
        seen.push('failed');
      }
    }
    return seen;
  };
  expect(await outcomes('relay.read')).toEqual(['passed', 'failed', 'passed', 'passed']);
  expect(await outcomes('relay.encoded')).toEqual(['passed', 'failed', 'failed', 'failed']);
  disarm();
});

test('reads what FAILPOINTS says', () => {
  expect(readFailpoints('relay.read:1:kill,projector.folded:3+:delay:250,').plans).toEqual([
    { name: 'relay.read', nth: 1, andLater: false, action: { do: 'kill' } },
    { name: 'projector.folded', nth: 3, andLater: true, action: { do: 'delay', ms: 250 } },
  ]);
  expect(readFailpoints('relay.read:1:stop').plans[0]?.action).toEqual({ do: 'stop' });
});

test.each([
  ['relay.rad:1:kill', '"relay.rad" is no failpoint'],
  ['toString:1:kill', '"toString" is no failpoint'],
  ['relay.read', 'at which hit'],
  ['relay.read:0:kill', 'at which hit'],
  ['relay.read:one:kill', 'at which hit'],
  ['relay.read:1:explode', 'must be of the form name:nth:kill|stop|throw|delay:ms'],
  ['relay.read:1:kill:5', 'must be of the form'],
  ['relay.read:1:delay', 'must be of the form'],
  ['relay.read:1:delay:-1', 'must be of the form'],
  ['relay.read:1:delay:5:6', 'must be of the form'],
])('%s is refused in words', (text, problem) => {
  const { plans, problems } = readFailpoints(text);
  expect(plans).toEqual([]);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain(problem);
});
