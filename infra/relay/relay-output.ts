import type { Position } from '@daybook/kernel/event.ts';
import type { OutMessage, Topics } from '@daybook/kernel/ports/topics.ts';
import type { Database } from '../database/database.ts';
import type { Wakeups } from '../database/wakeups.ts';
import { failpoint, underWay } from '../failpoints/failpoint.ts';
import { topicChannel } from '../topics/group-ledger.ts';
import { ask } from '../topics/postgres-statement.ts';
import { topicFinder } from '../topics/postgres-topics.ts';
import { publishParameters, publishPlaceholders } from '../topics/publish-batch.ts';
import { relayBlock, type RelayBlock } from './relay-block.ts';
import { defaultLeaseMs, relayLead, type RelayIdentity, type RelayLead } from './relay-lead.ts';

/** Encoded events that follow `after` in the log, up to and including the one at `position`. */
export type RelayBatch = Readonly<{
  epoch: number;
  after: Position;
  position: Position;
  messages: readonly OutMessage[];
}>;

/** Where a relay publishes, and where it remembers how far it is. */
export type RelayOutput = Readonly<{
  lead: Pick<RelayLead, 'take' | 'keep' | 'resign'>;
  leaseMs: number;
  block: RelayBlock;
  /** Publishes and moves the checkpoint; false where another relay leads. */
  forward(batch: RelayBatch): Promise<boolean>;
}>;

/**
 * Through the port, to whatever engine. Publishing and checkpoint are two steps: a death between them publishes the batch
 * again, and a leader that loses its lease during the first has published what its follower publishes too. Consumers
 * know repeats by the position.
 */
export function relayThroughTopics(
  options: RelayIdentity & Readonly<{ database: Database; topics: Topics; topic: string }>,
): RelayOutput {
  const { database, topics, topic, leaseMs = defaultLeaseMs } = options;
  const lead = relayLead(database, options);
  return {
    lead,
    leaseMs,
    block: relayBlock(database, options.name),
    forward: async ({ epoch, after, position, messages }) => {
      // A leader that was stopped for longer than its lease learns of it here, before it publishes anything.
      if (!(await lead.keep(epoch))) return false;
      await topics.publish(topic, messages);
      await failpoint('relay.published');
      return lead.advance(epoch, after, position, messages.length);
    },
  };
}

/**
 * To topics that stand in the checkpoint's own database: one transaction publishes and moves the checkpoint, so that a
 * batch is published once, and a leader whose lease is lost writes nothing.
 */
export function relayInDatabase(
  options: RelayIdentity & Readonly<{ database: Database; wakeups: Wakeups; topic: string }>,
): RelayOutput {
  const { database, wakeups, topic, leaseMs = defaultLeaseMs } = options;
  const lead = relayLead(database, options);
  const find = topicFinder(database);
  return {
    lead,
    leaseMs,
    block: relayBlock(database, options.name),
    forward: async ({ epoch, after, position, messages }) => {
      const { id, partitions } = await find(topic);
      const statement = {
        name: 'topics.forward',
        text: `select topics.forward($1, $2, $3, $4, $5, $6, $7, ${publishPlaceholders(8)})`,
        values: [...lead.claim(epoch, after, position), id, ...publishParameters(messages, partitions)],
      };
      const [row] = await underWay('relay.sent', ask<readonly [boolean]>(database, statement, 'commit'));
      const held = row?.[0] === true;
      if (held) wakeups.notify(topicChannel(topic));
      return held;
    },
  };
}
