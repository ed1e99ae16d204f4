#!/usr/bin/env node
/** The `daybook` command. */
import { parseArgs } from './program.ts';

process.exitCode = await parseArgs(process.argv);
