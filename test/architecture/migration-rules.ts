/** What a migration must not do while the code of before runs. Rules read one SQL file; they know no catalogue. */

/** Tables that grow with the business: what reads or writes all of one holds everybody up for as long. */
const large = [
  'log.events',
  'topics.messages',
  'vault.data_keys',
  'runtime.process_instances',
  'runtime.process_inputs',
];

type Rule = Readonly<{
  says: string;
  /** Of a statement in lower case, on one line, without comments. */
  breaks: (statement: string, file: string) => boolean;
}>;

const onLarge = (statement: string, words: RegExp): boolean =>
  words.test(statement) &&
  large.some((table) => new RegExp(`\\b${table.replace('.', '\\.')}\\b`).test(statement));

const rules: readonly Rule[] = [
  {
    says: 'a column that must not be null has a default, or old code cannot insert',
    breaks: (statement) =>
      alters(statement) &&
      actions(statement).some(
        (one) =>
          /^add (column )?(?!constraint)/.test(one) &&
          /\bnot null\b/.test(one) &&
          !/\bdefault\b|\bgenerated\b/.test(one),
      ),
  },
  {
    says: 'a default is a constant, or the whole table is rewritten under an exclusive lock',
    breaks: (statement) =>
      alters(statement) &&
      actions(statement).some(
        (one) =>
          /^add (column )?/.test(one) &&
          /\bdefault (gen_random_uuid|clock_timestamp|random|nextval)\b/.test(one),
      ),
  },
  {
    says: 'a column does not change its type: the table is rewritten, and old code reads another one',
    breaks: (statement) =>
      alters(statement) &&
      actions(statement).some((one) => /^alter (column )?\S+ (set data )?type\b/.test(one)),
  },
  {
    says: 'what old code may use is dropped or renamed only by a migration that says from which code on: "-- oldest code: NNNN"',
    breaks: (statement, file) =>
      !/^-- oldest code: \d{4}$/m.test(file) &&
      (/^drop (table|view|schema|function)\b/.test(statement) &&
      !/^drop (table|view|function) if exists pg_temp/.test(statement)
        ? !recreates(statement, file)
        : alters(statement) &&
          actions(statement).some((one) =>
            /^(drop (column )?(?!constraint|default|not null)|rename)\b/.test(one),
          )),
  },
  {
    says: 'a constraint on a large table is added as "not valid", and validated by a migration of its own',
    breaks: (statement) =>
      onLarge(statement, /^alter table .*\badd (constraint|check|foreign key|primary key|unique)\b/) &&
      !/\bnot valid\b/.test(statement),
  },
  {
    says: 'an index on a large table is built concurrently, in a file that says "-- transaction: none"',
    breaks: (statement) => onLarge(statement, /^create (unique )?index (?!concurrently)/),
  },
  {
    says: 'a large table is not written as a whole',
    breaks: (statement) =>
      onLarge(statement, /^(update|delete from|truncate|vacuum full|cluster|lock table)\b/),
  },
  {
    says: 'a file outside of a transaction is one statement that may run again',
    breaks: (statement, file) =>
      /^-- transaction: none$/m.test(file) &&
      !/^(create (unique )?index concurrently if not exists|drop index concurrently if exists|alter table .* validate constraint)/.test(
        statement,
      ),
  },
];

/** Every rule that a migration breaks, with the statement. Tables that the file itself makes are nobody's yet. */
export function brokenRules(file: string): readonly string[] {
  const made = new Set(
    [...file.toLowerCase().matchAll(/^\s*create (?:unlogged )?table (?:if not exists )?(\S+)/gm)].map(
      ([, name]) => name,
    ),
  );
  return statementsOf(file)
    .filter(
      (statement) =>
        ![...made].some(
          (name) =>
            name !== undefined &&
            new RegExp(`(table|on|into|update|from) (only )?${name.replace('.', '\\.')}\\b`).test(statement),
        ),
    )
    .flatMap((statement) =>
      rules
        .filter(({ breaks }) => breaks(statement, file))
        .map(({ says }) => `${says}: ${statement.slice(0, 100)}`),
    );
}

/** Statements in lower case on one line each. Bodies of functions are left out: they run later. */
function statementsOf(file: string): readonly string[] {
  const bare = file
    .toLowerCase()
    .replaceAll(/\$\$[^]*?\$\$/g, '$$')
    .replaceAll(/--.*$/gm, '');
  return bare
    .split(';')
    .map((statement) => statement.replaceAll(/\s+/g, ' ').trim())
    .filter((statement) => statement !== '');
}

function alters(statement: string): boolean {
  return statement.startsWith('alter table ');
}

/** What an `alter table` does, one by one; commas within parentheses do not part. */
function actions(statement: string): readonly string[] {
  const body = statement
    .replace(/^alter table (if exists )?(only )?\S+ /, '')
    .replaceAll(/\([^()]*\)/g, '()');
  return body.split(',').map((one) => one.trim());
}

/** Dropped and made again in one transaction, as a function whose result changes. */
function recreates(statement: string, file: string): boolean {
  const name = /^drop \w+ (?:if exists )?([\w.]+)/.exec(statement)?.[1] ?? '';
  return new RegExp(`create (or replace )?(function|view|table) ${name.replace('.', '\\.')}\\b`).test(
    file.toLowerCase(),
  );
}
