/** What is shown, to take elsewhere: as GraphQL, as a command, as a table, as a link. */
import { useState } from 'preact/hooks';
import type { Explored } from '../chart/explored.ts';
import { copy } from '../kit/clipboard.ts';
import type { Question } from '../question/question.ts';
import { usePage } from '../server/connection.ts';
import { csvOf, curlOfQuestion, graphqlOf } from './copies.ts';

const FORMS = ['GraphQL', 'curl', 'CSV', 'Link'] as const;
type Form = (typeof FORMS)[number];

export interface CopyAsProps {
  readonly question: Question;
  /** Undefined: there is nothing to make a table of. */
  readonly answer: Explored | undefined;
}

export function CopyAs({ question, answer }: CopyAsProps) {
  const { session } = usePage();
  const [form, setForm] = useState<Form>();
  const [said, setSaid] = useState('');
  const textOf = (chosen: Form): string => {
    if (chosen === 'GraphQL') return graphqlOf(question);
    if (chosen === 'curl') return curlOfQuestion(question, location.origin, session.needsKey);
    if (chosen === 'Link') return location.href;
    return answer === undefined ? '' : csvOf(answer, question);
  };
  const take = async (chosen: Form) => {
    setForm(chosen);
    setSaid(await copy(textOf(chosen)));
  };
  return (
    <section class="copy-as" aria-labelledby="copy-title">
      <h2 id="copy-title">Copy as</h2>
      <p class="actions">
        {FORMS.filter((each) => each !== 'CSV' || answer !== undefined).map((each) => (
          <button key={each} type="button" class="plain" onClick={() => void take(each)}>
            {each}
          </button>
        ))}{' '}
        <span class="quiet" role="status">
          {said}
        </span>
      </p>
      {form !== undefined && (
        <textarea
          class="code"
          readOnly
          rows={form === 'Link' ? 2 : 8}
          aria-label={`The question as ${form}`}
          value={textOf(form)}
        />
      )}
    </section>
  );
}
