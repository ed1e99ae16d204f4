import { DaybookError, isDaybookError } from '@daybook/kernel/errors.ts';
import type { Position } from '@daybook/kernel/event.ts';
import type { OutMessage, Topics } from '@daybook/kernel/ports/topics.ts';
import type { Database } from '../database/database.ts';
import type { Wakeups } from '../database/wakeups.ts';
import { failpoint, underWay } from '../failpoints/failpoint.ts';
import { placeOf } from '../registry/cloud-events.ts';
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
      try {
        await underWay('relay.sent', topics.publish(topic, messages));
      } catch (error) {
        if (!isDaybookError(error) || error.retry !== 'never') throw error;
        const { until, count, refusal } = await publishSingly(topics, topic, messages);
        if (refusal === undefined) return lead.advance(epoch, after, position, count);
        if (until !== undefined && !(await lead.advance(epoch, after, until, count))) return false;
        throw refusal;
      }
      await failpoint('relay.published');
      return lead.advance(epoch, after, position, messages.length);
    },
  };
}

/** How far messages were published one by one, and which one is refused for good. */
async function publishSingly(
  topics: Topics,
  topic: string,
  messages: readonly OutMessage[],
): Promise<Readonly<{ until?: Position; count: number; refusal?: DaybookError }>> {
  let until: Position | undefined;
  let count = 0;
  for (const message of messages) {
    const { stream, position, revision } = placeOf(message.headers);
    try {
      await topics.publish(topic, [message]);
    } catch (cause) {
      if (!isDaybookError(cause) || cause.retry !== 'never') throw cause;
      const { ce_id: eventId, ce_type: type, ce_tenantid: tenantId } = message.headers;
      const refusal = new DaybookError(
        'schema-incompatible',
        'The event is refused by the topic: it is too large.',
        {
          fields: { ...cause.fields, position, stream, revision, type, eventId, tenantId },
          cause,
        },
      );
      return { ...(until === undefined ? {} : { until }), count, refusal };
    }
    until = position;
    count += 1;
  }
  return { ...(until === undefined ? {} : { until }), count };
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
