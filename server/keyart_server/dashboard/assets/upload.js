/* Uploads: checks the size first, compresses a catalogue, and shows the progress. Without it the form is sent as it is. */
"use strict";
(() => {
  const megabytes = (bytes) => (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0) + " MB";

  const REFUSALS = {
    401: "You are signed out. Reload this page, sign in, and try again.",
    403: "This form has expired. Reload this page and try again.",
    408: "The file took too long to arrive. Try again over a faster connection.",
    413: "The file is too large for the server.",
  };

  for (const form of document.querySelectorAll("form[data-upload]")) {
    const input = form.querySelector("input[type=file]"), button = form.querySelector("button");
    const error = document.getElementById(input.id + "-error"), status = form.querySelector("[data-status]");
    const bar = form.querySelector("progress"), limit = Number(form.dataset.upload);

    function fail(sentence) {
      error.textContent = sentence;
      error.hidden = !sentence;
      if (sentence) { input.setAttribute("aria-invalid", "true"); input.focus(); } else input.removeAttribute("aria-invalid");
    }

    async function smaller(file) {
      if (!("compress" in form.dataset) || file.name.endsWith(".gz") || !window.CompressionStream) return file;
      const packed = await new Response(file.stream().pipeThrough(new CompressionStream("gzip"))).blob();
      return packed.size < file.size ? packed : file;
    }

    function done() {
      form.ariaBusy = null;
      button.disabled = false;
      bar.hidden = true;
      status.textContent = "";
    }

    input.addEventListener("change", () => fail(""));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const [file] = input.files;
      if (!file) return fail("Choose a file first.");
      fail("");
      form.ariaBusy = "true";
      button.disabled = true;
      status.textContent = "Preparing the file …";
      const fields = new FormData(form), sent = await smaller(file);
      fields.set("file", sent, file.name);
      if (sent.size > limit) {
        done();
        return fail(`The file has ${megabytes(sent.size)}; at most ${megabytes(limit)} can be uploaded.`);
      }
      const request = new XMLHttpRequest();
      request.responseType = "document";
      request.upload.addEventListener("progress", ({ loaded, total }) => {
        bar.hidden = false;
        bar.max = total;
        bar.value = loaded;
        status.textContent = loaded < total ? `${megabytes(loaded)} of ${megabytes(total)} sent` : "Sent. The server checks the file …";
      });
      request.addEventListener("error", () => { done(); fail("The connection was lost. Nothing was changed; try again."); });
      request.addEventListener("load", () => {
        const page = request.response, told = page?.getElementById(input.id + "-error")?.textContent.trim();
        if (request.status < 300) return location.assign(request.responseURL);
        done();
        fail(told || REFUSALS[request.status] || `The server answered with status ${request.status}. Nothing was changed.`);
      });
      request.open("POST", form.action);
      request.send(fields);
    });
  }
})();
