/** One of several, all of them in sight: a range, a kind. */
export interface RadioRowProps {
  /** What is chosen. */
  readonly legend: string;
  /** Unique in the page. */
  readonly name: string;
  readonly options: readonly {
    readonly value: string;
    readonly text: string;
    readonly isChosen: boolean;
    readonly choose: () => void;
  }[];
}

export const RadioRow = ({ legend, name, options }: RadioRowProps) => (
  <fieldset class="ranges">
    <legend class="unseen">{legend}</legend>
    {options.map(({ value, text, isChosen, choose }) => (
      <label key={value}>
        <input type="radio" name={name} value={value} checked={isChosen} onChange={choose} />
        <span>{text}</span>
      </label>
    ))}
  </fieldset>
);
