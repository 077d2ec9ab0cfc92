#!/usr/bin/env node
/** The command `claude-relay`. */
import { Command, CommanderError } from 'commander';
import { checkCommand } from './check.ts';
import { completeCommand } from './complete.ts';
import { serveCommand } from './serve.ts';
import { simulateCommand } from './simulate.ts';
import { tokenCommand } from './token.ts';
import { VERSION } from './version.ts';

const program = new Command('claude-relay')
  .description('A typed gRPC relay for the Claude (Anthropic Messages) API.')
  .version(VERSION)
  .showHelpAfterError('Run it with --help to see what it takes.')
  .addCommand(serveCommand())
  .addCommand(simulateCommand())
  .addCommand(completeCommand())
  .addCommand(checkCommand())
  .addCommand(tokenCommand());

// Commands that are added do not take over by themselves what was set above: help after an error.
for (const command of program.commands) command.copyInheritedSettings(program);

try {
  await program.parseAsync();
} catch (thrown) {
  if (!(thrown instanceof CommanderError)) throw thrown;
  process.exitCode = thrown.exitCode;
}
