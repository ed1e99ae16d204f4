/** Paragraphs on bars, by name. */
export type Notes = Readonly<Partial<Record<string, string>>>;

/**
 * Where the time of a bar goes that is below its goal: from a profile, with its figures, and what the limit is. They stand
 * on the page for as long as the bar is below its goal.
 */
export const notes: Notes = {
  p1: `Of 2 s with 128 callers, in groups of 128: 0.5 s inserting (three indexes; the ids come in at random), 0.1 s reading the streams' ends,
0.2 s splitting the lists and checking JSON, and up to 0.6 s waiting for the disk at commit, 1.3 ms a group where the machine's disk was
slow; Node works for a fifth of the time beside it. The order of the log is a lock that is held to commit: while one group waits for the
disk no other is inserted, where the anchor's four connections share their waits. Ids are looked up only where something speaks for a
repeat, which saved 0.35 s of the two. The limit is the disk's flush; nothing that is acknowledged may be seen before it.`,
  p5: `Full groups of about four appends go side by side, so that one is parsed while the other is written; what is left is the lock: 9 µs an event
inserting (2.6 the row, 1 the key, 2 the stream's index, up to 3.5 the ids' index) and 3 µs of the group's flush. That is the limit of one
order for the whole log on one disk; dcb-es writes on eight connections side by side, keeps no ids, and checks nothing in this case.`,
  p8: `Of 0.8 s for 100,000 events PostgreSQL reads pages for 0.38 s while Node decodes the page before; of Node's time two fifths are JSON.parse of
data and metadata, 15 % collecting garbage, 10 % the driver taking rows apart, 1.5 % the positions. Emmett's consumer decodes alike, and spends
the rest of its time between pulls. The limit is JSON in text: dcb-es pays it too, and hands out events that nothing was checked of.`,
  p9: `Products: of 1.05 s for 101,000 events Node reads JSON for a fifth, folds for a sixth and waits for a third of it; PostgreSQL reads for 0.34 s
and writes 1,000 rows with their checkpoints for 0.19 s, six times. A catch-up read is this without fold and rows. Prices: of 3.5 s PostgreSQL
writes 100,000 rows for 2.4 s, in 50 statements that carry their checkpoints: JSON taken apart into rows, an upsert of each, an index beside the
key. COPY takes 1.6 s for the same table. The limit is the upsert, which may meet a row that is there; a fold that knew its rows to be new could
copy them.`,
  p10: `What is rebuilt folds and writes in pieces of 500 rows and rests as long as it worked; before that, writes of 2,000 rows kept one of two
processors for 30 ms at a time, and the ratio was 4. What is left is two processors for five busy processes: from append to reader there
are eight hops, each of which may wait for a slice of a few ms.`,
  p11: `Two processes and the backends of PostgreSQL share two processors: of 5 s PostgreSQL works 2.6 s (append 0.75 s, forward to the topic 0.56 s, rows with
their checkpoint 0.53 s, cursors 0.28 s, look at seen rows 0.23 s, messages 0.2 s) in 170 rounds a second of each loop, and Node's two processes work
half of the time, most of it writing to sockets, where the sender gives its processor to the one it woke. An event passes four such loops, so that
the 99th percentile is two or three slices of the scheduler; on a machine that has nothing else to do it is 8 to 10 ms, and with code that the
compiler has not seen yet (the first ten seconds) 25.`,
  p13: `A CPU profile of the relay: kafkajs takes three fifths of what Node does (an encoder of 512 bytes made for each of a message's twelve
headers, numbers of variable length, CRC-32C), collecting garbage 9 %, rows of the log 3 %; PostgreSQL reads for 0.24 s of 4 beside it, and moves the checkpoint
in 0.03 s. For more than a third of the time Node waits: one page is on its way at a time, which is what keeps its order, and the next is
read and encoded meanwhile. The anchor has the same waits and nothing to read or encode. In the first runs, before the compiler has seen the code,
the ratio is 0.6, and later 0.8. The limit is kafkajs's encoding; \`KAFKA_DRIVER=rdkafka\` does it in threads of its own.`,
  p15: `Of 2.4 s for 10,000 steps that send a command: PostgreSQL 1.2 s storing states and effects (an effect's row stands in five indexes, which
give the queue its order and find what waits behind), 0.5 s leasing, 0.5 s appending the events, 0.2 s keeping the messages' ids; Node is busy for
70 %, a fifth of that writing to sockets, 7 % collecting garbage. The job of the anchor does nothing; the step stores an effect, leases it,
decides a command on its stream and appends its event, each durable before the next. Against the anchor's batching it is a tenth; a step that
stays within the process is 0.65 of that.`,
  p21: `Of a group of 128 behind ten million events the insert takes 4.5 ms of 6.8, four times what it takes behind a hundred thousand (8.5 µs an
event); all other statements are as before. Its two random indexes (ids, streams) no longer stand in PostgreSQL's own cache of 128 MB: pages
come from the system's cache, and each is written whole into the WAL once after every checkpoint. The limit is memory given to PostgreSQL.`,
  p22: `Both consume at full speed for as long; only the backlog differs. Beside a process that takes in 10,000 events and then rests, the ratio is
1.5 (log) and 1.7 (topic), whatever the backlog: V8's heap grows from 60 to 92 MB before it collects, and buffers of the sockets wait for
that collection (60 MB beyond the heap).`,
  p4: `Of one append by one caller, on PostgreSQL's side about half again is spent over the raw insert: the advisory lock, the look-ups
of the last position, of the stream's revision and of the ids, and the loop that gives each append its verdict. All are read under the
lock, so that order and idempotency hold; grouped appends share them, a single caller pays them alone. The rest was the wake-up after
each append, a transaction of its own that took as much of both processes again as a third of the append; wake-ups keep 1 ms apart, which
leaves one for about three appends. In Node an append and a raw insert cost nearly alike. The limit is the function's handful of
statements: what one statement costs the server is what the anchor is.`,
  p16: `A CPU profile of the command service: 18 % writing to sockets (answers 11 %, the append to PostgreSQL 7 %), 10 % garbage collection, 16 %
Express with its router and what stands in it (6 % authentication), 3 % ids of events, 3 % keeping the state, 2 % the JSON texts of the
event; nothing else is above 2 %. CPU a command: 62 µs in Node (76 before recent states were kept by lru-cache: a map that is deleted from at
its front looks through its holes) and 30 in PostgreSQL, where the bare route takes 25 at most. The limit is one thread of Node: more than twice
the work of the bare route cannot be half as fast, and caller, Node and PostgreSQL want 1.7 of the machine's two processors.`,
  p20: `A page is fetched, parsed and read by the same Crawlee as the anchor's, in one process with everything else: of 3.8 s for 960 pages parsing
HTML and looking into it takes three quarters, collecting garbage 12 %, the stored copy of the page (fsync, rename) 4 %. What Daybook adds is eight
messages and five statements in groups for about 15 pages each: PostgreSQL works for 0.7 s beside it, on the other processor. The limit is one thread of
Node; scrapers are run as several processes.`,
  p23: `A process at rest wakes for its looks at news, leases and timers, 12 statements a second in all, and for its own readiness; Node's own share is
0.5 % of a core (garbage collection and timers included), the rest is the system's work of those statements' round trips. Between 0.7 and 1.4 % were
measured on different days of the same machine. The limit is the look behind the wake-ups, which finds what a lost notification would have told.`,
  p17: `A CPU profile of the query service: 28 % writing to sockets (answers 22 %, PostgreSQL 6 %), 14 % garbage collection, 11 % Express and its
router, 5 % authentication, 6 % sending statements, 4 % parsing rows, 4 % the query itself (of which 3 % the next time of a schedule), 3 %
headers; nothing else is above 2 %. CPU a query: 65 to 75 µs in Node and 7 in PostgreSQL (statements of one moment travel together),
where the bare route takes 28 to 35. Half of it is the bare route's own work; the rest is spread over token, limits, input, position and row.`,
};
