import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import { formatProblem, loadConfig } from '../../src/config.ts';

const BROKERS = 'brokers: [kafka:9092]';

test('a group "kafka" without a type is refused: a journal would be kept in silence', (t) => {
  t.deepEqual(problemsOf(t, `log: {kafka: {${BROKERS}}}`), [
    'streamgauge.yaml:1:1: log.type: expected "kafka", because the group "kafka" is there; or "journal" where that is kept for later, received nothing',
  ]);
  const env = { STREAMGAUGE_LOG_KAFKA_BROKERS: '[k:9092, l:9092]' };
  t.regex(problemsOf(t, '', env).join(), /log\.type: expected "kafka"/);
});

test('with a journal that is asked for, what is kept for later is not in force', (t) => {
  const loaded = load(t, `log: {type: journal, kafka: {${BROKERS}, tls: {caFile: none.pem}}}`);
  t.deepEqual(loaded.ok && loaded.value.config.log, { type: 'journal' });
});

test('brokers come from a variable as a list in brackets', (t) => {
  const type = { STREAMGAUGE_LOG_TYPE: 'kafka' };
  const loaded = load(t, '', { ...type, STREAMGAUGE_LOG_KAFKA_BROKERS: '[k:9092, l:9092]' });
  t.deepEqual(loaded.ok && loaded.value.config.log.kafka?.brokers, ['k:9092', 'l:9092']);
  t.deepEqual(problemsOf(t, '', { ...type, STREAMGAUGE_LOG_KAFKA_BROKERS: 'k:9092,l:9092' }), [
    'STREAMGAUGE_LOG_KAFKA_BROKERS: log.kafka.brokers: expected a list of at most 64 items, written in brackets: [a, b], received "k:9092,l:9092"',
  ]);
});

test('a bound of a spool without a spool is refused, unless there is to be none', (t) => {
  const kafka = (more: string) => `log: {type: kafka, kafka: {${BROKERS}, ${more}}}`;
  t.regex(problemsOf(t, kafka('spoolBytesMax: 1 GiB')).join(), /spoolBytesMax: expected "spool: l/);
  t.deepEqual(problemsOf(t, kafka('spoolBytesMax: 1 GiB, spool: none')), []);
  const loaded = load(t, kafka('spool: local'));
  t.like(loaded.ok && loaded.value.config.log.kafka, {
    spool: 'local',
    spoolBytesMax: 16 * 2 ** 30,
  });
});

test('files for the brokers are there, and certificates are some', (t) => {
  const log = (tls: string) =>
    `log: {type: kafka, kafka: {${BROKERS}, tls: {caFile: ${tls}}, sasl: {mechanism: PLAIN, username: a, passwordFile: none}}}`;
  const wrong = problemsOf(t, log('streamgauge.yaml'));
  t.regex(wrong[0] ?? '', /log\.kafka\.tls\.caFile: expected a file with certificates as PEM/);
  t.regex(wrong[1] ?? '', /sasl\.passwordFile: expected a file that can be read \(ENOENT\)/);
  t.is(problemsOf(t, log('ca.pem')).length, 1);
});

function problemsOf(t: ExecutionContext, file: string, env = {}): string[] {
  const loaded = load(t, file, env);
  return loaded.ok ? [] : loaded.error.map(formatProblem);
}

function load(t: ExecutionContext, file: string, env = {}) {
  const cwd = mkdtempSync(join(tmpdir(), 'streamgauge-config-'));
  t.teardown(() => rmSync(cwd, { recursive: true }));
  writeFileSync(join(cwd, 'streamgauge.yaml'), `${file}\n`);
  writeFileSync(join(cwd, 'ca.pem'), rootCertificates.slice(0, 2).join('\n'));
  return loadConfig({ cwd, env });
}
