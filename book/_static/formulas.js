// MathJax comes when the first formula comes near, and only with the parts that the book uses.
document.addEventListener("DOMContentLoaded", () => {
  const formulas = document.querySelectorAll(".math");
  const root = document.documentElement.dataset.content_root ?? "./";
  let asked = null;

  // A formula that scrolls sideways must be reached by keyboard.
  function reach() {
    for (const box of document.querySelectorAll("div.math, mjx-container[display]"))
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  }

  // Resolves when every formula of the page is set; the tests call it, too.
  window.setFormulas = () => asked ??= new Promise((done) => {
    if (!formulas.length) return done();
    Object.assign((window.MathJax ??= {}), {
      loader: { load: ["input/tex-base", "[tex]/ams", "output/chtml", "a11y/assistive-mml"] },
      tex: { packages: { "[+]": ["ams"] } },
      startup: {
        ready() {
          MathJax.startup.defaultReady();
          MathJax.startup.promise.then(reach).then(done);
        },
      },
    });
    const script = document.createElement("script");
    script.src = `${root}_static/mathjax/startup.js`;
    document.head.append(script);
  });

  const near = new IntersectionObserver(
    (entries) => entries.some((entry) => entry.isIntersecting) && window.setFormulas(),
    { rootMargin: "1500px" },
  );
  for (const formula of formulas) near.observe(formula);
  // Whoever prints has not scrolled through the page; the keys come before the dialogue.
  window.addEventListener("keydown", (event) => (event.ctrlKey || event.metaKey) && window.setFormulas());
  window.addEventListener("beforeprint", () => window.setFormulas());
});
