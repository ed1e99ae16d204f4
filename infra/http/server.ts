import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { DaybookError } from '@daybook/kernel/errors.ts';
import { edgeProblem, problemDocument, problemType, type EdgeProblemCode } from './problems.ts';

export type ServerOptions = Readonly<{
  listener: RequestListener;
  /** Default `127.0.0.1`. */
  host?: string;
  /** 0 takes a free one. */
  port: number;
  /** Time for all headers of a request. Default 10 000. */
  headersTimeoutMs?: number;
  /** Time for a whole request to arrive. Default 30 000. */
  requestTimeoutMs?: number;
  /** How long an idle connection is kept. Default 30 000. */
  keepAliveMs?: number;
}>;

export type RunningServer = Readonly<{
  port: number;
  /** Such as `http://127.0.0.1:4000`. */
  url: string;
  /**
   * Takes no new connection, closes idle ones, lets requests under way end, and cuts what is left after `graceMs`.
   * Idempotent.
   */
  stop(graceMs: number): Promise<void>;
}>;

/**
 * Listens. Requests have to arrive in time, headers are limited to 16 KiB and 100, so that nobody holds a connection by
 * sending slowly.
 * @throws `configuration-invalid` where the address or port cannot be had
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { listener, host = '127.0.0.1', port } = options;
  let stopping = false;
  // Connections on which nothing was asked yet. Node does not count them as idle, and a stop would wait for them.
  const unused = new Set<Socket>();
  const server = createServer(
    {
      maxHeaderSize: 16_384,
      headersTimeout: options.headersTimeoutMs ?? 10_000,
      requestTimeout: options.requestTimeoutMs ?? 30_000,
      keepAliveTimeout: options.keepAliveMs ?? 30_000,
      connectionsCheckingInterval: Math.min(1_000, options.headersTimeoutMs ?? 10_000),
      noDelay: true,
    },
    (request, response) => {
      unused.delete(request.socket);
      // A connection that is kept would send its next request into a process that is gone.
      if (stopping) response.setHeader('connection', 'close');
      listener(request, response);
    },
  );
  server.maxHeadersCount = 100;
  server.on('clientError', refuse);
  server.on('connection', (socket) => {
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  });
  await listening(server, port, host);
  const address = server.address() as AddressInfo;
  const shownHost = host.includes(':') ? `[${host}]` : host === '0.0.0.0' ? '127.0.0.1' : host;
  let stopped: Promise<void> | undefined;
  return {
    port: address.port,
    url: `http://${shownHost}:${String(address.port)}`,
    stop: (graceMs) => {
      stopping = true;
      for (const socket of unused) socket.destroy();
      return (stopped ??= stopServer(server, graceMs));
    },
  };
}

function listening(server: Server, port: number, host: string): Promise<void> {
  return new Promise((done, fail) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      fail(
        new DaybookError(
          'configuration-invalid',
          whyNot[error.code ?? ''] ?? 'The HTTP interface cannot listen.',
          {
            fields: { host, port, reason: error.code },
            cause: error,
          },
        ),
      );
    });
    server.listen({ port, host, backlog: 1_024 }, done);
  });
}

const whyNot: Readonly<Record<string, string>> = {
  EADDRINUSE: 'Another process listens on this port: stop it, or choose another PORT.',
  EACCES: 'This user may not listen on this port: choose a PORT of 1024 or more.',
  EADDRNOTAVAIL: 'This machine does not have the address to listen on: check HOST.',
  ENOTFOUND: 'The address to listen on is not known: check HOST.',
};

async function stopServer(server: Server, graceMs: number): Promise<void> {
  const closed = new Promise<void>((done) => {
    server.close(() => {
      done();
    });
  });
  server.closeIdleConnections();
  // Connections that become idle meanwhile end by `connection: close`; this catches those whose answer had begun.
  const sweep = setInterval(() => {
    server.closeIdleConnections();
  }, 100);
  const cut = setTimeout(() => {
    server.closeAllConnections();
  }, graceMs);
  await closed;
  clearInterval(sweep);
  clearTimeout(cut);
}

/** Errors of the HTTP parser, before there is a request (https://nodejs.org/api/http.html#event-clienterror). */
function refuse(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const problem = edgeProblem(parserProblems[error.code ?? ''] ?? 'request-malformed');
  const body = JSON.stringify(problemDocument(problem, 'none'));
  socket.end(
    `HTTP/1.1 ${String(problem.status)} ${problem.code}\r\nconnection: close\r\ncontent-type: ${problemType}\r\n` +
      `content-length: ${String(Buffer.byteLength(body))}\r\n\r\n${body}`,
  );
}

const parserProblems: Readonly<Record<string, EdgeProblemCode>> = {
  HPE_HEADER_OVERFLOW: 'headers-too-large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request-timeout',
};
