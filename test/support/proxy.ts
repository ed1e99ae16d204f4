/**
 * A TCP proxy in front of a server. Of PostgreSQL it knows enough of the wire protocol to cut a connection at the worst
 * moment: when the server has done what a statement asks, and before the client hears of it.
 * https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** What a proxy does with the traffic. */
export type Weather =
  | 'clear'
  /** Everything is kept back, on connections that stand and on new ones: a network that swallows packets. */
  | 'silent'
  /** New connections are refused and those that stand are reset. */
  | 'down';

export type Proxy = Readonly<{
  /** The URL of the server, by way of the proxy. */
  url: string;
  /** `silent` traffic arrives when the weather is clear again, as TCP does it. */
  turn: (weather: Weather) => void;
  /** Delays each piece of traffic in each direction. */
  delay: (ms: number) => void;
  /** Resets every connection that stands (RST). */
  reset: () => void;
  /**
   * The next statements that match are done by the server, and their answers are lost with the connection.
   * @param times how many
   */
  loseAnswer: (statement: RegExp, times: number) => void;
  /** How many answers were lost so far. */
  lost: () => number;
  close: () => Promise<void>;
}>;

type Pair = Readonly<{ client: Socket; server: Socket }>;

/** Starts a proxy to the server of a URL: of PostgreSQL, or of anything else, of which statements are not known. */
export async function startProxy(serverUrl: string): Promise<Proxy> {
  const target = new URL(serverUrl);
  const speaksPostgres = /^postgres/.test(target.protocol);
  const pairs = new Set<Pair>();
  const traffic: { due: number; deliver: () => void }[] = [];
  let timer: NodeJS.Timeout | undefined;
  let weather: Weather = 'clear';
  let delayMs = 0;
  let wanted: Readonly<{ statement: RegExp; times: number }> | undefined;
  let lost = 0;

  // One line for all, so that nothing overtakes when the weather changes.
  const drain = (): void => {
    clearTimeout(timer);
    while (weather !== 'silent') {
      const [next] = traffic;
      if (next === undefined) return;
      const waitMs = next.due - performance.now();
      if (waitMs > 0) {
        timer = setTimeout(drain, waitMs);
        return;
      }
      traffic.shift();
      next.deliver();
    }
  };
  const pass = (deliver: () => void): void => {
    traffic.push({ due: performance.now() + delayMs, deliver });
    if (traffic.length === 1) drain();
  };
  /** True where this statement's answer is to be lost. */
  const loses = (text: string): boolean => {
    if (wanted === undefined || wanted.times === 0 || !wanted.statement.test(text)) return false;
    wanted = { ...wanted, times: wanted.times - 1 };
    return true;
  };

  const listener = createServer((client) => {
    if (weather === 'down') {
      client.on('error', ignore);
      client.resetAndDestroy();
      return;
    }
    const server = connect(Number(target.port), target.hostname);
    const pair = { client, server };
    pairs.add(pair);
    let answers = 0;
    let losing = Infinity;
    const asked = statementsOf((text, answer) => {
      if (losing === Infinity && loses(text)) losing = answer;
    });
    const answered = framesOf(
      () => false,
      (type) => {
        if (type !== readyForQuery) return;
        answers += 1;
        if (answers !== losing) return;
        lost += 1;
        destroy(pair);
      },
    );
    client.on('data', (chunk: Buffer) => {
      pass(() => {
        if (speaksPostgres) asked(chunk);
        server.write(chunk);
      });
    });
    server.on('data', (chunk: Buffer) => {
      pass(() => {
        if (speaksPostgres) answered(chunk);
        if (!client.destroyed) client.write(chunk);
      });
    });
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      one.setNoDelay(true);
      one.on('error', ignore);
      one.on('close', () => {
        pairs.delete(pair);
        pass(() => other.destroy());
      });
    }
  });
  await new Promise<void>((ready) => listener.listen(0, '127.0.0.1', ready));
  const url = new URL(serverUrl);
  url.port = String((listener.address() as AddressInfo).port);

  const reset = (): void => {
    for (const pair of [...pairs]) destroy(pair);
  };
  const turn = (next: Weather): void => {
    weather = next;
    if (next === 'down') reset();
    drain();
  };
  return {
    url: url.href,
    turn,
    delay: (ms) => {
      delayMs = ms;
    },
    reset,
    loseAnswer: (statement, times) => {
      wanted = { statement, times };
    },
    lost: () => lost,
    close: async () => {
      turn('down');
      await new Promise((closed) => listener.close(closed));
    },
  };
}

function destroy({ client, server }: Pair): void {
  client.resetAndDestroy();
  server.destroy();
}

const readyForQuery = 'Z';

/**
 * Follows what a client sends, and tells the text of each statement that is executed, with the number of the
 * ReadyForQuery, counted from the start of the connection, that ends its answer.
 */
function statementsOf(executed: (text: string, answer: number) => void): (chunk: Buffer) => void {
  const prepared = new Map<string, string>();
  let started = false;
  let answers = 0;
  return framesOf(
    () => !started,
    (type, body) => {
      // The first message of a client has no type: an SSL request, or the start-up, after which all have.
      if (type === null) {
        started = body.readInt32BE(0) !== sslRequest;
        answers = 1;
      }
      if (type === 'Q' || type === 'S') answers += 1;
      if (type === 'Q') executed(textOf(body, 0).text, answers);
      if (type === 'P') {
        const name = textOf(body, 0);
        prepared.set(name.text, textOf(body, name.next).text);
      }
      if (type === 'B') executed(prepared.get(textOf(body, textOf(body, 0).next).text) ?? '', answers + 1);
    },
  );
}

const sslRequest = 80_877_103;

function textOf(body: Buffer, from: number): { text: string; next: number } {
  const end = body.indexOf(0, from);
  return { text: body.toString('utf8', from, end), next: end + 1 };
}

/** Cuts a stream into messages: a type of one byte (not the first of a client), a length that counts itself, a body. */
function framesOf(
  untyped: () => boolean,
  take: (type: string | null, body: Buffer) => void,
): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (;;) {
      const head = untyped() ? 0 : 1;
      if (rest.length < head + 4) return;
      const end = head + rest.readInt32BE(head);
      if (rest.length < end) return;
      take(head === 0 ? null : String.fromCharCode(rest[0] as number), rest.subarray(head + 4, end));
      rest = rest.subarray(end);
    }
  };
}

const ignore = (): void => undefined;
