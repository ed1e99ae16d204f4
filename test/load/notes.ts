/** Paragraphs on bars, by name. */
export type Notes = Readonly<Partial<Record<string, string>>>;

/**
 * Where the time of a bar goes that is below its goal: from a profile, with its figures, and what the limit is. They stand
 * on the page for as long as the bar is below its goal.
 */
export const notes: Notes = {
  p4: `Of one append by one caller, on PostgreSQL's side about half again is spent over the raw insert: the advisory lock, the look-ups
of the last position, of the stream's revision and of the ids, and the loop that gives each append its verdict. All are read under the
lock, so that order and idempotency hold; grouped appends share them, a single caller pays them alone. The rest was the wake-up after
each append, a transaction of its own that took as much of both processes again as a third of the append; wake-ups keep 1 ms apart, which
leaves one for about three appends. In Node an append and a raw insert cost nearly alike. The limit is the function's handful of
statements: what one statement costs the server is what the anchor is.`,
  p16: `A CPU profile of the command service: 20 % writing to sockets (answers 13 %, PostgreSQL 7 %), 16 % garbage collection, 11 % Express and
its router, 6 % authentication with what stands on it, 9 % handing the append to PostgreSQL, 5 % ids of events (since made in a sixth of the
time), 4 % keeping the state, 4 % reading the body, 2 % the two JSON texts of the event; nothing else is above 2 %. CPU a command:
125 µs in Node and 30 in PostgreSQL, of which the same machine takes 35 for the bare route; without recent states it was 180 and 57. The
limit is one thread of Node: five times the work of the bare route cannot be half as fast, unless PostgreSQL and the caller
leave it the processor.`,
  p17: `A CPU profile of the query service: 28 % writing to sockets (answers 22 %, PostgreSQL 6 %), 14 % garbage collection, 11 % Express and its
router, 5 % authentication, 6 % sending statements, 4 % parsing rows, 4 % the query itself (of which 3 % the next time of a schedule), 3 %
headers; nothing else is above 2 %. CPU a query: 65 to 75 µs in Node and 7 in PostgreSQL (statements of one moment travel together),
where the bare route takes 28 to 35. Half of it is the bare route's own work; the rest is spread over token, limits, input, position and row.`,
};
