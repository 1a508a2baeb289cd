/** The thread of visits: parses agents and makes events of the pixel's requests, so that no edge has to. What it is given is `WebThreadData`. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { createLogger } from '../logging.ts';
import { systemClock } from '../model/clock.ts';
import { assertNever } from '../model/result.ts';
import { Countries } from '../web/countries.ts';
import { LOOK_MS } from '../web/limits.ts';
import { DailySalt } from '../web/salt.ts';
import { Visits } from '../web/visits.ts';
import { answerOf, type Question } from './asker.ts';
import type { WebQuestions, WebThreadData } from './web-protocol.ts';

if (parentPort === null) throw new Error('the thread of visits is a worker thread');
const main = parentPort;
const data: WebThreadData = workerData;

const logger = createLogger({ ...data.logging, thread: 'web' });
const salt = new DailySalt({
  file: data.saltFile,
  onUnwritten: (error) =>
    logger.warn({ err: error }, "the day's salt cannot be kept: a restart makes visitors new ones"),
});
const { geoipFile } = data;
const countries =
  geoipFile === undefined
    ? undefined
    : new Countries({
        file: geoipFile,
        onUnread: (error) =>
          logger.warn({ err: error, file: geoipFile }, 'the file of countries cannot be read'),
      });
const visits = new Visits(salt, systemClock, countries);
// The day before is forgotten, also when nobody comes.
const lookNow = () => {
  salt.at(systemClock.now());
  countries?.look();
};
const look = setInterval(lookNow, LOOK_MS);
salt.at(systemClock.now());

for (const port of data.ports) port.on('message', (question) => void answer(port, question));
main.on('message', close);

async function answer(port: MessagePort, question: Question<WebQuestions>): Promise<void> {
  port.postMessage(await answerOf(question.id, async () => answerTo(question)));
}

function answerTo(question: Question<WebQuestions>) {
  switch (question.name) {
    case 'fields':
      return visits.fieldsOf(question.ask);
    case 'lines':
      return visits.linesOf(question.ask);
    default:
      return assertNever(question);
  }
}

/** Nothing else is told. */
function close(): void {
  clearInterval(look);
  for (const port of data.ports) port.close();
  logger.flush();
  main.postMessage({ type: 'closed' });
}
