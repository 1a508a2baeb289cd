/** The generator's process: obeys commands until its parent goes away. */
import { buildBodies, type StampedBody } from '../bodies.ts';
import { websocketFraming } from '../websocket-frames.ts';
import { httpFraming, openHttpSender, type Sender } from './http-sender.ts';
import type { Answers, Call, LoadOptions, Return } from './protocol.ts';
import { BodySource } from './source.ts';
import { openWebSocketSender } from './websocket-sender.ts';

let source: BodySource | undefined;
let senders: readonly Sender[] = [];

process.on('message', (call: Call) => {
  obey(call).then(
    (answer) => reply({ call: call.call, answer }),
    (error: unknown) => reply({ call: call.call, error: String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));

async function obey(call: Call): Promise<Answers[keyof Answers]> {
  switch (call.type) {
    case 'prepare':
      return prepare(call.options);
    case 'resume':
      prepared().resume();
      return {};
    case 'drain':
      return { events: await prepared().drain() };
    case 'nextAcknowledgement':
      await prepared().nextAcknowledgement();
      return { atMs: Date.now() };
    case 'measure':
      return prepared().measure();
    case 'truth':
      return prepared().truth();
  }
}

function prepared(): BodySource {
  if (source === undefined) throw new Error('expected "prepare" as the first command');
  return source;
}

function prepare(options: LoadOptions): Answers['prepare'] {
  for (const sender of senders) sender.close();
  source?.close();
  const bodies = bodiesFor(options);
  const body = bodies[0] as StampedBody;
  const opened = new BodySource(bodies, options);
  const frameBytesMax = Math.max(...bodies.map(({ bytes }) => bytes.length));
  source = opened;
  senders = Array.from({ length: options.connections }, () =>
    options.transport === 'websocket'
      ? openWebSocketSender(options, opened, frameBytesMax)
      : openHttpSender(options, opened),
  );
  return { bodies: bodies.length, payloadBytesPerEvent: body.bytes.length / body.events };
}

function bodiesFor(options: LoadOptions): StampedBody[] {
  const { transport, workload } = options;
  if (transport === 'websocket') return buildBodies(workload, 'ndjson', websocketFraming);
  return buildBodies(workload, transport, httpFraming(options));
}

function reply(message: Return): void {
  process.send?.(message);
}
