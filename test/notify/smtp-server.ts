/** A mail server as small as RFC 5321 lets it be: one mail at a time, kept as it came. */
import { createInterface } from 'node:readline';
import type { ExecutionContext } from 'ava';
import { listen } from './stage.ts';

export interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  readonly data: string;
}

/** @param refuse answers a command with something else, or with undefined for what a server says to it */
export async function mailServer(
  t: ExecutionContext,
  refuse: (command: string) => string | undefined = () => undefined,
): Promise<{ readonly port: number; readonly mails: Mail[] }> {
  const mails: Mail[] = [];
  const port = await listen(t, (socket) => {
    let to: string[] = [];
    let from = '';
    let data: string[] | undefined;
    const say = (line: string) => socket.write(`${line}\r\n`);
    say('220 mail.example');
    createInterface(socket).on('line', (line) => {
      if (data !== undefined && line !== '.') {
        data.push(line.replace(/^\./, ''));
        return;
      }
      if (data !== undefined) {
        mails.push({ from, to, data: data.join('\n') });
        data = undefined;
        say(refuse('.') ?? '250 2.0.0 queued as 1');
        return;
      }
      const [, verb = '', address = ''] = /^(\w+)[^<]*(?:<([^>]*)>)?/.exec(line) ?? [];
      const refusal = refuse(line);
      if (refusal !== undefined) {
        say(refusal);
        return;
      }
      switch (verb.toUpperCase()) {
        case 'MAIL':
          from = address;
          to = [];
          break;
        case 'RCPT':
          to.push(address);
          break;
        case 'DATA':
          data = [];
          say('354 go on');
          return;
        case 'QUIT':
          say('221 bye');
          socket.end();
          return;
        default:
      }
      say('250 mail.example');
    });
  });
  return { port, mails };
}
