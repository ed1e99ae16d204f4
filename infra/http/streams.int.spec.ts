import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '@daybook/test/support/eventually.ts';
import type { ServerSentEvent } from './sse.ts';
import { startHttpSystem, type HttpSystem } from './system.fixture.ts';

let system: HttpSystem;
let source: (lastEventId: string | null, signal: AbortSignal) => AsyncIterable<ServerSentEvent>;
let token = '';
beforeAll(async () => {
  system = await startHttpSystem({ live: (last, signal) => source(last, signal) });
  token = await system.tokenOf();
});
afterAll(() => system.close());

function open(headers: Record<string, string> = {}, signal?: AbortSignal): Promise<Response> {
  return fetch(`${system.url}/v1/live`, {
    headers: { authorization: `Bearer ${token}`, ...headers },
    ...(signal === undefined ? {} : { signal }),
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) done();
    signal.addEventListener('abort', () => {
      done();
    });
  });
}

describe('a stream of events', () => {
  test('is told as server-sent events, from after the last one seen', async () => {
    source = async function* (last) {
      yield { id: '8', event: 'PriceObserved', data: { after: last, text: 'two\nlines' } };
      yield { data: 1 };
    };
    const response = await open({ 'last-event-id': '7' });
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(await response.text()).toBe(
      'retry: 2000\n\nid: 8\nevent: PriceObserved\ndata: {"after":"7","text":"two\\nlines"}\n\ndata: 1\n\n',
    );
  });

  test('is kept alive by comments', async () => {
    source = async function* (_, signal) {
      await aborted(signal);
    };
    const leaving = new AbortController();
    const response = await open({}, leaving.signal);
    const reader = (response.body as ReadableStream<Uint8Array>)
      .pipeThrough(new TextDecoderStream())
      .getReader();
    let heard = '';
    while (!heard.includes(': still here\n\n: still here\n\n')) heard += (await reader.read()).value ?? '';
    leaving.abort();
  });

  test('ends when the caller leaves', async () => {
    let ended = false;
    source = async function* (_, signal) {
      yield { data: 'first' };
      await aborted(signal);
      ended = true;
    };
    const leaving = new AbortController();
    await (await open({}, leaving.signal)).body?.getReader().read();
    leaving.abort();
    await eventually(() => {
      expect(ended).toBe(true);
    });
  });

  test('asks no more of its source than a slow caller takes', async () => {
    let asked = 0;
    source = async function* (_, signal) {
      while (!signal.aborted) {
        asked += 1;
        yield { data: 'x'.repeat(100_000) };
      }
    };
    const leaving = new AbortController();
    const response = await open({}, leaving.signal);
    const reader = response.body?.getReader();
    await reader?.read();
    let before = -1;
    await eventually(
      () => {
        const still = asked === before;
        before = asked;
        expect(still).toBe(true);
      },
      { everyMs: 100 },
    );
    expect(asked).toBeLessThan(300);
    leaving.abort();
  });

  test('that fails ends, and is named in the log', async () => {
    source = async function* () {
      yield { data: 1 };
      throw new Error('the source broke');
    };
    expect(await (await open()).text()).toContain('data: 1');
    await eventually(() => {
      expect(system.log.lines).toContainEqual(
        expect.objectContaining({ message: 'A stream of events failed.' }),
      );
    });
  });

  test('is one of 20 at most that a person has open; one that is closed makes room', async () => {
    source = async function* (_, signal) {
      yield { data: 'first' };
      await aborted(signal);
    };
    const leaving = Array.from({ length: 20 }, () => new AbortController());
    const all = await Promise.all(leaving.map(({ signal }) => open({}, signal)));
    expect(new Set(all.map(({ status }) => status))).toEqual(new Set([200]));
    const refused = await system.call('GET', '/v1/live', { token });
    expect([refused.status, refused.json?.['code'], refused.json?.['about']]).toEqual([
      429,
      'rate-limited',
      { policy: 'streams', most: 20 },
    ]);
    expect(refused.headers.get('retry-after')).toBe('10');
    const other = new AbortController();
    const another = await system.tokenOf({ userId: 'user-2' });
    expect((await open({ authorization: `Bearer ${another}` }, other.signal)).status).toBe(200);
    leaving[0]?.abort();
    const last = new AbortController();
    await eventually(async () => {
      expect((await open({}, last.signal)).status).toBe(200);
    });
    for (const each of [...leaving, other, last]) each.abort();
  });

  test('needs a token and takes only its parameters', async () => {
    expect((await fetch(`${system.url}/v1/live`)).status).toBe(401);
    const odd = await system.call('GET', '/v1/live?other=1', { token });
    expect([odd.status, odd.json?.['code']]).toEqual([400, 'input-invalid']);
  });

  test('ends with the token that opened it', async () => {
    source = async function* (_, signal) {
      yield { data: 'first' };
      await aborted(signal);
    };
    // Clocks may differ by 30 s: this token is good for one second or two, in which the machine may stand still.
    const brief = await eventually(async () => {
      const made = await system.tokenOf({}, -28_000);
      const response = await open({ authorization: `Bearer ${made}` }, AbortSignal.timeout(8_000));
      expect(response.status).toBe(200);
      expect(await response.text()).toContain('data: "first"');
      return made;
    });
    expect((await open({ authorization: `Bearer ${brief}` })).status).toBe(401);
  });

  test('ends when the process stops', async () => {
    const own = await startHttpSystem({
      beside: system,
      live: async function* (_, signal) {
        yield { data: 'first' };
        await aborted(signal);
      },
    });
    const response = await fetch(`${own.url}/v1/live`, { headers: { authorization: `Bearer ${token}` } });
    own.stopping.abort();
    expect(await response.text()).toContain('data: "first"');
    await own.close();
  });
});
