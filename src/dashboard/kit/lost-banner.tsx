/** That the server is not heard. */
export const LostBanner = () => (
  <p class="banner" role="status">
    The connection to the server is lost. What is shown stands still; it goes on by itself as soon
    as the server answers.
  </p>
);
