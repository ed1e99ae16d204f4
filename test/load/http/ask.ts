import autocannon, { type Request } from 'autocannon';
import type { Sample } from '../measure.ts';

const connections = 128;
const durationS = 4;

/** Asks a server the same way over 128 connections that are kept. Any answer but a good one fails the run. */
export async function ask(url: string, request: Request): Promise<Sample> {
  const { non2xx, errors, requests, statusCodeStats } = await autocannon({
    url,
    connections,
    duration: durationS,
    requests: [request],
  });
  if (non2xx + errors > 0)
    throw new Error(`${String(errors)} errors, answers ${JSON.stringify(statusCodeStats)} at ${url}.`);
  return { figure: requests.total / durationS };
}
