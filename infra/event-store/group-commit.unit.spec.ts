import { describe, expect, test } from '@jest/globals';
import { DaybookError } from '@daybook/kernel/errors.ts';
import type { Position } from '@daybook/kernel/event.ts';
import type { AppendRequest } from './append-request.ts';
import { makeGroupCommit, type GroupCommitLimits, type Outcome } from './group-commit.ts';

const limits: GroupCommitLimits = {
  maxOutstanding: 100,
  maxOutstandingSize: 1_000,
  maxAppends: 10,
  maxSize: 100,
};

const appended = { revision: 0, position: '1' as Position };

function request(id: string, size = 1): AppendRequest {
  return {
    stream: `thing-${id}`,
    expected: 'any',
    events: [{ id, type: 'T', data: '', metadata: '' }],
    size,
  };
}

/** A writer that waits for `answer` and notes the ids of each group. */
function makeWriter() {
  const groups: string[][] = [];
  const waiting: ((outcome: Outcome | 'throw') => void)[] = [];
  return {
    groups,
    write: (group: readonly AppendRequest[]): Promise<readonly Outcome[]> => {
      groups.push(group.map(({ events }) => events[0]?.id ?? ''));
      return new Promise((resolve, reject) => {
        waiting.push((outcome) => {
          if (outcome === 'throw') reject(new DaybookError('timeout', 'gone'));
          else resolve(group.map(() => outcome));
        });
      });
    },
    answer: (outcome: Outcome | 'throw' = appended) => waiting.shift()?.(outcome),
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

describe('group commit', () => {
  test('collects what comes in one turn, and what comes while a group is under way', async () => {
    const { groups, write, answer } = makeWriter();
    const commit = makeGroupCommit(write, limits);
    const first = [commit.append(request('a')), commit.append(request('b'))];
    await turn();
    const second = [commit.append(request('c')), commit.append(request('d'))];
    await turn();
    expect(groups).toEqual([['a', 'b']]);
    answer();
    await Promise.all(first);
    await turn();
    expect(groups).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
    answer();
    expect(await Promise.all(second)).toEqual([appended, appended]);
  });

  test('a full group goes beside the one under way; a further one, and what is for a stream under way, waits', async () => {
    const { groups, write, answer } = makeWriter();
    const commit = makeGroupCommit(write, limits);
    const all = [commit.append(request('a', 60))];
    await turn();
    const second = request('b', 10);
    all.push(commit.append(second));
    await turn();
    expect(groups).toEqual([['a']]);
    const toTheSame = { ...request('c', 50), stream: 'thing-a' } as const;
    all.push(commit.append(toTheSame), commit.append(request('d', 50)), commit.append(request('e', 100)));
    await turn();
    expect(groups).toEqual([['a'], ['b', 'd']]);
    answer();
    await turn();
    answer();
    await turn();
    answer();
    await turn();
    answer();
    expect(await Promise.all(all)).toHaveLength(5);
    expect(groups).toEqual([['a'], ['b', 'd'], ['c'], ['e']]);
  });

  test('keeps groups within their limits, in order; a larger append goes alone', async () => {
    const { groups, write, answer } = makeWriter();
    const commit = makeGroupCommit(write, { ...limits, maxAppends: 2 });
    const sizes = { a: 60, b: 60, c: 1, d: 1, e: 500 };
    const all = Object.entries(sizes).map(([id, size]) => commit.append(request(id, size)));
    for (let n = 0; n < 4; n += 1) {
      await turn();
      answer();
    }
    await Promise.all(all);
    expect(groups).toEqual([['a'], ['b', 'c'], ['d'], ['e']]);
  });

  test('leaves a repeat for the next group and lets others pass', async () => {
    const { groups, write, answer } = makeWriter();
    const commit = makeGroupCommit(write, limits);
    const all = ['a', 'a', 'b'].map((id) => commit.append(request(id)));
    await turn();
    answer();
    await turn();
    answer();
    await Promise.all(all);
    expect(groups).toEqual([['a', 'b'], ['a']]);
  });

  test('refuses what would make the queue too long or too large, and takes appends again after', async () => {
    const { write, answer } = makeWriter();
    const commit = makeGroupCommit(write, { ...limits, maxOutstanding: 2, maxOutstandingSize: 50 });
    const large = commit.append(request('a', 80));
    await expect(commit.append(request('b', 1))).rejects.toMatchObject({
      code: 'unavailable',
      retry: 'later',
    });
    await turn();
    answer();
    await large;
    const two = [commit.append(request('c')), commit.append(request('d'))];
    await expect(commit.append(request('e'))).rejects.toMatchObject({ code: 'unavailable', retry: 'later' });
    await turn();
    answer();
    await Promise.all(two);
  });

  test('tells every caller of a group what became of it, and goes on', async () => {
    const { write, answer } = makeWriter();
    const commit = makeGroupCommit(write, limits);
    const lost = [commit.append(request('a')), commit.append(request('b'))];
    const told = Promise.allSettled(lost);
    await turn();
    answer('throw');
    expect((await told).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    const next = commit.append(request('c'));
    await turn();
    answer(new DaybookError('revision-conflict', 'no'));
    await expect(next).rejects.toMatchObject({ code: 'revision-conflict' });
  });

  test('close waits for all that was taken and refuses the rest', async () => {
    const { groups, write, answer } = makeWriter();
    const commit = makeGroupCommit(write, limits);
    const first = commit.append(request('a'));
    await turn();
    const second = commit.append(request('b'));
    let over = false;
    const closing = commit.close().then(() => (over = true));
    await expect(commit.append(request('c'))).rejects.toMatchObject({ code: 'unavailable' });
    answer();
    await first;
    await turn();
    expect(over).toBe(false);
    answer();
    await second;
    await closing;
    expect(groups).toEqual([['a'], ['b']]);
  });
});
