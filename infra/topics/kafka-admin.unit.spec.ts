import { expect, test } from '@jest/globals';
import type { Admin, Kafka } from 'kafkajs';
import { kafkaTopicsAdmin } from './kafka-admin.ts';

/** A cluster whose leaders change: connections of before do not hear of it. */
function changing(type: string, mostFailures: number) {
  let connections = 0;
  const admin = (): Admin => {
    const own = (connections += 1);
    return {
      connect: () => Promise.resolve(),
      disconnect: () => Promise.resolve(),
      fetchTopicOffsets: () =>
        own <= mostFailures
          ? Promise.reject(Object.assign(new Error('refused'), { type }))
          : Promise.resolve([{ partition: 0, offset: '7', low: '2', high: '7' }]),
    } as unknown as Admin;
  };
  return { kafka: { admin } as unknown as Kafka, connections: () => connections };
}

test('a leader that changed is asked for anew', async () => {
  const { kafka, connections } = changing('NOT_LEADER_FOR_PARTITION', 2);
  expect(await kafkaTopicsAdmin(kafka).ends('topic')).toEqual([{ partition: 0, low: 2, high: 7 }]);
  expect(connections()).toBe(3);
});

test('a partition that nobody leads is a passing failure, and another failure is told at once', async () => {
  const leaderless = changing('LEADER_NOT_AVAILABLE', Infinity);
  const away = { code: 'unavailable', retry: 'later' };
  await expect(kafkaTopicsAdmin(leaderless.kafka).ends('topic')).rejects.toMatchObject(away);
  expect(leaderless.connections()).toBe(5);
  const refused = changing('TOPIC_AUTHORIZATION_FAILED', Infinity);
  await expect(kafkaTopicsAdmin(refused.kafka).ends('topic')).rejects.toMatchObject(away);
  expect(refused.connections()).toBe(1);
});
