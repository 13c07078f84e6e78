// Shows the feedback of the chosen answer in the question's live region, so that it is also read
// aloud. Without this script the questions stay readable and nothing is revealed.
document.addEventListener("change", (event) => {
  const form = event.target.closest("form.quiz");
  if (!form) return;
  const question = event.target.closest("fieldset");
  const feedback = question.querySelector(`.quiz-feedback[data-value="${event.target.value}"]`);
  const say = question.querySelector(".quiz-say");
  say.replaceChildren(...[...feedback.childNodes].map((node) => node.cloneNode(true)));
  say.dataset.state = feedback.dataset.state;
});
document.addEventListener("submit", (event) => {
  if (event.target.matches("form.quiz")) event.preventDefault();
});
