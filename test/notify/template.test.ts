import test from 'ava';
import { RENDER_STEPS_MAX, RENDERED_CHARS_MAX } from '../../src/notify/limits.ts';
import { filledIn, render } from '../../src/notify/template.ts';
import { parseTemplate } from '../../src/notify/template-syntax.ts';
import { templateView } from '../../src/notify/template-view.ts';
import { alarmOf, NOW_MS, notificationOf } from './stage.ts';

const VIEW = {
  status: 'firing',
  zero: 0,
  empty: [],
  labels: { host: 'a"1', 'app name': 'shop', 'a.b': 'dots' },
  alarms: [
    { name: 'x', labels: { host: 'one' } },
    { name: 'y', labels: {} },
  ],
};

/** Source, and what it makes. */
const RENDERED: readonly (readonly [string, string])[] = [
  ['plain } text }}', 'plain } text }}'],
  ['{{status}} {{ labels.host }}', 'firing a"1'],
  ['{{labels["app name"]}}/{{labels["a.b"]}}', 'shop/dots'],
  ['{{alarms.1.name}} {{alarms.length}}', 'y 2'],
  ['[{{nothing}}{{labels.nothing.more}}]', '[]'],
  ['{{"{{"}} {{"}}"}}', '{{ }}'],
  ['a{{! left out }}b', 'ab'],
  ['{"a":{"b":{{json labels.host}}}}', '{"a":{"b":"a\\"1"}}'],
  ['{{json nothing}} {{json labels}}', 'null {"host":"a\\"1","app name":"shop","a.b":"dots"}'],
  ['{{upper status}} {{lower "ABC"}} {{url labels.host}}', 'FIRING abc a%221'],
  ['{{#if zero}}yes{{else}}no{{/if}}{{#unless zero == ""}} {{zero}}{{/unless}}', 'no 0'],
  ['{{#if empty}}yes{{else}}no{{/if}}', 'no'],
  ['{{#unless nothing}}none{{/unless}}', 'none'],
  ['{{#if status == "firing"}}on{{/if}}{{#if status != "firing"}}off{{/if}}', 'on'],
  ['{{#unless status == "firing"}}off{{else}}on{{/unless}}', 'on'],
  ['{{#each alarms}}{{@index}}{{name}}{{#unless @last}},{{/unless}}{{/each}}', '0x,1y'],
  ['{{#each labels}}{{@key}}={{this}};{{/each}}', 'host=a"1;app name=shop;a.b=dots;'],
  ['{{#each empty}}some{{else}}none{{/each}}', 'none'],
  [
    '{{#each alarms}}{{status}} {{labels.host}} {{@root.labels.host}};{{/each}}',
    'firing one a"1;firing  a"1;',
  ],
  ['{{#json}}{{labels.host}}\n{{status}}{{/json}}', '"a\\"1\\nfiring"'],
  ['a\n  {{#if status}}  \nb\n{{else}}\nc\n{{/if}}\nd', 'a\nb\nd'],
  ['a {{#if status}}\nb{{/if}}', 'a \nb'],
  ['{{constructor.name}}{{__proto__.x}}{{labels.toString}}{{status.length}}', ''],
];
for (const [source, text] of RENDERED) {
  test(`${JSON.stringify(source)} makes ${JSON.stringify(text)}`, (t) => {
    t.deepEqual(filledIn(source, VIEW, 'body'), { ok: true, value: text });
  });
}

/** Source, line and column of what is wrong, a part of the message. */
const WRONG: readonly (readonly [string, number, number, string])[] = [
  ['a\nb {{status', 2, 3, '"{{" without "}}"'],
  ['{{}}', 1, 1, 'expected {{path}}'],
  ['{{a b c}}', 1, 1, 'expected {{path}}'],
  ['{{shout status}}', 1, 1, 'a filter of json'],
  ['x {{a..b}}', 1, 3, '"a..b" is neither a path'],
  ['{{status()}}', 1, 1, 'neither a path'],
  ['x\n{{#each alarms}}\n', 2, 1, '{{#each}} is not closed'],
  ['{{#if a}}\n  {{/each}}', 2, 3, '{{#if}} is open'],
  ['{{/if}}', 1, 1, 'closes nothing'],
  ['{{else}}', 1, 1, '{{else}} belongs'],
  ['{{#if a}}{{else}}{{else}}{{/if}}', 1, 18, 'once'],
  ['{{#json}}{{else}}{{/json}}', 1, 10, '{{else}} belongs'],
  ['{{#if a = b}}{{/if}}', 1, 1, 'with == or !='],
  ['{{#while a}}{{/while}}', 1, 1, 'expected {{#if'],
  [`${'{{#if a}}'.repeat(17)}`, 1, 145, '16 deep'],
  [`{{${' '.repeat(60_000)}`, 1, 1, 'without'],
  ['x'.repeat(70_000), 1, 1, 'at most 65536 characters'],
];
for (const [source, line, column, part] of WRONG) {
  test(`${JSON.stringify(source.slice(0, 40))} is wrong at ${line}:${column}: ${part}`, (t) => {
    const parsed = parseTemplate(source);
    if (parsed.ok) return t.fail();
    t.like(parsed.error, { line, column });
    t.true(parsed.error.message.includes(part), parsed.error.message);
  });
}

test('what a template makes is bounded, and so is its work', (t) => {
  const many = { all: Array.from({ length: 1_000 }, () => 'x'.repeat(2_000)) };
  const failed = (source: string) => {
    const rendered = filledIn(source, many, 'body');
    return rendered.ok ? '' : rendered.error;
  };
  t.is(
    failed('{{#each all}}{{this}}{{/each}}'),
    `body: the template makes more than ${RENDERED_CHARS_MAX} characters`,
  );
  t.is(
    failed('{{#each @root.all}}{{#each @root.all}}{{#each @root.all}}{{/each}}{{/each}}{{/each}}'),
    `body: the template takes more than ${RENDER_STEPS_MAX} steps`,
  );
});

test('whatever is in a label, the json block and filter make valid JSON', (t) => {
  const host = '"\\\u0000\u2028\ud800 ö {{x}} \n';
  const view = templateView(notificationOf({ alarms: [alarmOf({ labels: { host } })] }));
  const source =
    '{"text":{{#json}}on {{alarms.0.labels.host}}{{/json}},"host":{{json alarms.0.labels.host}}}';
  const made = filledIn(source, view, 'body');
  t.deepEqual(JSON.parse(made.ok ? made.value : ''), { text: `on ${host}`, host });
});

test('a template sees the message: counts, common labels, values, times', (t) => {
  const resolved = alarmOf({
    status: 'resolved',
    labels: { alertname: 'errors', severity: 'critical', host: 'b' },
    endsAtMs: NOW_MS,
    value: null,
  });
  const view = templateView(notificationOf({ alarms: [alarmOf(), resolved], truncatedAlarms: 3 }));
  const source = `{{status}} {{firingCount}}/{{resolvedCount}}+{{truncatedAlarms}} {{json commonLabels}}
{{#each alarms}}
{{status}} {{name}} {{number value}} {{startsAt}} {{endsAt}} {{duration durationMs}}
{{/each}}`;
  const parsed = parseTemplate(source);
  if (!parsed.ok) return t.fail();
  const made = render(parsed.value, view);
  t.deepEqual(made, {
    ok: true,
    value: `firing 1/1+3 {"alertname":"errors","severity":"critical"}
firing errors 12.3457 2026-11-21T07:58:30.000Z  1m 30s
resolved errors  2026-11-21T07:58:30.000Z 2026-11-21T08:00:00.000Z 1m 30s
`,
  });
});
