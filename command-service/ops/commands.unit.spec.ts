import { expect, test } from '@jest/globals';
import { commandHouse } from '@daybook/test/support/command-house.ts';

test('a plan is made with ids of its own', async () => {
  const house = commandHouse();
  const result = await house.send('CreatePlan', { title: 'Launch', tasks: ['One', 'Two'] });
  expect(result).toMatchObject({ ok: true, answer: { planId: expect.any(String) } });
  const tasks = ((await house.events())[0]?.data as { tasks: { taskId: string }[] }).tasks;
  expect(new Set(tasks.map(({ taskId }) => taskId)).size).toBe(2);
});
