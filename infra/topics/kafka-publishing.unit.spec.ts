import { expect, test } from '@jest/globals';
import type { KafkaProducer } from './kafka-producer.ts';
import { kafkaPublishing } from './kafka-publishing.ts';

const message = { key: 'a', value: Buffer.from('1'), headers: {} };

/** Fails everything under way when it is closed, and answers one goodbye alone, as librdkafka does. */
function mute(): KafkaProducer {
  const underWay: ((error: Error) => void)[] = [];
  const fail = (): void => {
    for (const reject of underWay.splice(0)) reject(new Error('The broker does not acknowledge.'));
  };
  let closed = false;
  return {
    send: () =>
      new Promise((_, reject) => {
        underWay.push(reject);
        // Both are under way before the first is given up.
        if (underWay.length === 2) underWay.shift()?.(new Error('The broker does not acknowledge.'));
      }),
    close: () =>
      new Promise((done) => {
        fail();
        if (!closed) setImmediate(done);
        closed = true;
      }),
  };
}

const sound: KafkaProducer = {
  send: () => Promise.resolve([{ partition: 0, first: 0, end: 1 }]),
  close: () => Promise.resolve(),
};

test('topics whose requests fail together are told, and go on with another producer', async () => {
  const producers = [mute(), sound];
  const publishing = kafkaPublishing(() => Promise.resolve(producers.shift() ?? sound));
  const failed = await Promise.allSettled(['a', 'b'].map((topic) => publishing.publish(topic, 1, [message])));
  expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await publishing.publish('b', 1, [message]);
  await publishing.close();
});
