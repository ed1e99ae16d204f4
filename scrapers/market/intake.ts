import type { MessageCodec } from '@daybook/infra/registry/codec.ts';
import { isDaybookError } from '@daybook/kernel/errors.ts';
import { done, type Batch, type Verdict } from '@daybook/kernel/ports/topics.ts';
import type { HostQueue, ScrapeRequest } from '../politeness/host-queue.ts';

type Taken = { host: string; message: ScrapeRequest };

/**
 * Takes batches of scrape requests into the host queue. The partition goes on at once, whatever its hosts do. A message
 * that cannot be read is parked; those before it are in.
 */
export function intake(
  queue: Pick<HostQueue, 'enqueue'>,
  codec: Pick<MessageCodec, 'decode'>,
  woken: () => void,
): (batch: Batch) => Promise<Verdict> {
  return async ({ messages }) => {
    const taken: Taken[] = [];
    let verdict = done;
    for (const [index, message] of messages.entries()) {
      try {
        const decoded = await codec.decode(message);
        const url =
          decoded.type === 'ScrapeRequested' ? URL.parse((decoded as ScrapeRequest).data.url) : null;
        if (url === null) {
          verdict = { do: 'park', index, reason: 'The message asks for no page.' };
          break;
        }
        taken.push({ host: url.host, message: decoded as ScrapeRequest });
      } catch (error) {
        if (!isDaybookError(error, 'schema-unknown') && !isDaybookError(error, 'schema-incompatible'))
          throw error;
        verdict = { do: 'park', index, reason: `${error.code}: ${error.message}` };
        break;
      }
    }
    if (taken.length > 0) {
      await queue.enqueue(taken);
      woken();
    }
    return verdict;
  };
}
