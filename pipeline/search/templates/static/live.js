// Puts new quotes on top of the list of the live page as they come. What comes is rendered and escaped by the server.
"use strict";
(() => {
  const list = document.getElementById("hits");
  const state = document.getElementById("state");
  const pause = document.getElementById("pause");
  const MOST = 100;
  let source = null;
  let count = 0;

  const say = (text) => { state.textContent = text; };
  const told = () => (count ? `${count} new since you came.` : "New quotes appear here by themselves.");

  const show = (event) => {
    const made = document.createElement("template");
    made.innerHTML = event.data;
    const item = made.content.querySelector("li");
    if (!item || document.getElementById(item.id)) return;
    list.prepend(item);
    while (list.children.length > MOST) list.lastElementChild.remove();
    document.getElementById("none")?.remove();
    count += 1;
    say(told());
  };

  const listen = () => {
    source = new EventSource(list.dataset.stream);
    source.addEventListener("open", () => say(told()));
    source.addEventListener("quote", show);
    source.addEventListener("error", () => say("The connection broke; it comes back by itself."));
  };

  pause.hidden = false;
  pause.addEventListener("click", () => {
    if (source) {
      source.close();
      source = null;
      pause.textContent = "Go on";
      say("Paused: nothing new appears.");
    } else {
      pause.textContent = "Pause";
      listen();
    }
  });
  addEventListener("pagehide", () => source?.close());
  listen();
})();
