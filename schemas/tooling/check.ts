/** `npm run schemas`: the gate of the contracts. Prints what is wrong and what to do, and fails. */
import { contractProblems } from './gate.ts';
import { repositoryRoot } from './outputs.ts';

const problems = contractProblems(repositoryRoot);
for (const problem of problems) process.stderr.write(`${problem}\n`);
process.stdout.write(
  problems.length === 0
    ? 'The contracts are in order.\n'
    : `${String(problems.length)} problems in the contracts.\n`,
);
process.exitCode = problems.length === 0 ? 0 : 1;
