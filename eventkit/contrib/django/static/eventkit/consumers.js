/*
 * The form of a consumer, where scripts run: it searches for events, courses and organisations, says
 * what the rules mean while they are written, shows what belongs together, and hides what does not
 * apply. Without it everything is there all the same.
 */
'use strict';
document.addEventListener('DOMContentLoaded', () => {
    const rules = document.querySelector('.ek-rules');
    let serial = 0;

    const later = (milliseconds, run) => {
        let timer = 0;
        return () => {
            clearTimeout(timer);
            timer = setTimeout(run, milliseconds);
        };
    };
    const made = (name, properties) => Object.assign(document.createElement(name), properties);
    const part = (row, name) => row.querySelector(`[name$="-${name}"]`);
    const conditions = () => [...rules.querySelectorAll('.ek-condition:not(.empty-form)')];
    const isLeaving = row => Boolean(part(row, 'DELETE')?.checked);

    /* Search: a field beside the patterns; what is chosen becomes a line of them. */

    const lines = area => area.value.split('\n').map(line => line.trim()).filter(Boolean);

    const addLine = (area, text) => {
        const all = lines(area);
        if (!all.includes(text)) {
            area.value = [...all, text].join('\n');
            area.rows = Math.min(10, Math.max(2, all.length + 1));
            area.dispatchEvent(new Event('input', {bubbles: true}));
        }
    };

    const addSearch = row => {
        const area = part(row, 'patterns');
        const field = part(row, 'choice');
        if (!area || area.readOnly || row.querySelector('.ek-search')) {
            return;
        }
        serial += 1;
        const listId = `ek-found-${serial}`;
        const box = made('div', {className: 'ek-search'});
        const input = made('input', {type: 'text', id: `ek-search-${serial}`, autocomplete: 'off'});
        const label = made('label', {htmlFor: input.id});
        const list = made('ul', {id: listId, hidden: true});
        const said = made('span', {className: 'visually-hidden'});
        said.setAttribute('role', 'status');
        input.setAttribute('role', 'combobox');
        input.setAttribute('aria-autocomplete', 'list');
        input.setAttribute('aria-controls', listId);
        input.setAttribute('aria-expanded', 'false');
        list.setAttribute('role', 'listbox');
        box.append(label, input, list, said);
        area.before(box);
        let at = -1;
        let asked = 0;

        const close = () => {
            list.hidden = true;
            at = -1;
            input.setAttribute('aria-expanded', 'false');
            input.removeAttribute('aria-activedescendant');
        };
        const mark = next => {
            const options = [...list.children];
            if (!options.length) {
                return;
            }
            at = (next + options.length) % options.length;
            options.forEach((each, index) => each.setAttribute('aria-selected', String(index === at)));
            options[at].scrollIntoView({block: 'nearest'});
            input.setAttribute('aria-activedescendant', options[at].id);
        };
        const choose = text => {
            if (text) {
                addLine(area, text);
                said.textContent = rules.dataset.textAdded.replace('%s', text);
            }
            input.value = '';
            close();
        };
        const show = found => {
            list.replaceChildren(...found.map((each, index) => {
                const option = made('li', {id: `${listId}-${index}`});
                option.setAttribute('role', 'option');
                option.setAttribute('aria-selected', 'false');
                option.append(made('code', {textContent: each.value}));
                if (each.description) {
                    option.append(made('small', {textContent: each.description}));
                }
                // Before the field loses the focus, which closes the list.
                option.addEventListener('mousedown', event => {
                    event.preventDefault();
                    choose(each.value);
                });
                return option;
            }));
            list.setAttribute('aria-label', label.textContent);
            list.hidden = !found.length;
            at = -1;
            input.setAttribute('aria-expanded', String(Boolean(found.length)));
            input.removeAttribute('aria-activedescendant');
            said.textContent = rules.dataset.textFound.replace('%s', found.length);
        };
        const ask = later(200, async () => {
            asked += 1;
            const mine = asked;
            const tenant = document.querySelector('#id_tenant');
            const query = new URLSearchParams({
                field: field.value, q: input.value, tenant: tenant ? tenant.value : '',
            });
            const answer = await fetch(`${rules.dataset.suggestUrl}?${query}`, {
                headers: {Accept: 'application/json'}, credentials: 'same-origin',
            });
            if (mine === asked && answer.ok && document.activeElement === input) {
                show((await answer.json()).results);
            }
        });

        input.addEventListener('input', ask);
        input.addEventListener('blur', close);
        input.addEventListener('keydown', event => {
            if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
                event.preventDefault();
                if (list.hidden) {
                    ask();
                } else {
                    mark(at + (event.key === 'ArrowDown' ? 1 : at < 0 ? 0 : -1));
                }
            } else if (event.key === 'Enter') {
                // The form is saved by its button, and not by who looks for something.
                event.preventDefault();
                choose(at >= 0 ? list.children[at].querySelector('code').textContent : input.value.trim());
            } else if (event.key === 'Escape' && !list.hidden) {
                event.preventDefault();
                close();
            }
        });
        row.ekLabel = () => {
            const searched = rules.dataset.searched.split(' ');
            box.hidden = !searched.includes(field.value);
            const name = field.selectedOptions[0]?.textContent || '';
            label.textContent = rules.dataset.textSearch.replace('%s', name.toLowerCase());
        };
    };

    /* What belongs together. */

    const key = row => `${part(row, 'kind').value} ${part(row, 'number').value}`;

    const showConditions = () => {
        rules.querySelectorAll('.ek-between').forEach(each => each.remove());
        let before = null;
        conditions().forEach(row => {
            const denies = part(row, 'kind').value === 'deny';
            row.classList.toggle('ek-denies', denies);
            row.classList.toggle('ek-leaves', isLeaving(row));
            const chosen = part(row, 'choice');
            const name = chosen.value ? `, ${chosen.selectedOptions[0].textContent.toLowerCase()}` : '';
            const title = `${part(row, 'kind').selectedOptions[0].textContent} ${rules.dataset.textRule} ${part(row, 'number').value}${name}`;
            row.querySelector('.ek-title').textContent = title;
            row.setAttribute('aria-label', title);
            const path = row.querySelector('.ek-path');
            if (path) {
                path.hidden = part(row, 'choice').value !== 'path';
            }
            const missing = row.querySelector('.ek-missing');
            if (missing) {
                missing.hidden = !denies && !part(row, 'missing').checked;
            }
            const goesOn = before !== null && key(before) === key(row);
            row.classList.toggle('ek-goes-on', goesOn);
            if (before !== null) {
                const sameKind = part(before, 'kind').value === part(row, 'kind').value;
                const word = goesOn ? 'textAnd' : sameKind ? 'textOr' : 'textKind';
                const between = made('span', {
                    className: `ek-between${goesOn ? ' ek-and' : ''}${denies ? ' ek-denies' : ''}`,
                    textContent: rules.dataset[word],
                });
                row.before(between);
            }
            row.ekLabel?.();
            before = row;
        });
    };

    const nextNumber = kind => Math.max(0, ...conditions()
        .filter(row => part(row, 'kind').value === kind)
        .map(row => Number(part(row, 'number').value) || 0)) + 1;

    const addAnd = row => {
        const title = row.querySelector('h3 .ek-title');
        if (!title || row.querySelector('.ek-and-button') || !document.querySelector(`#${rules.dataset.prefix}-empty`)) {
            return;
        }
        const button = made('button', {
            type: 'button', className: 'ek-and-button', textContent: rules.dataset.textAddAnd,
        });
        button.addEventListener('click', () => {
            joining = row;
            rules.querySelector('.add-row a').click();
        });
        title.after(button);
    };
    let joining = null;

    const prepare = row => {
        addSearch(row);
        addAnd(row);
    };

    /* What the rules say. */

    const words = document.querySelector('#ek-says');
    const sayWords = later(350, async () => {
        const form = rules.closest('form');
        const told = new FormData();
        new FormData(form).forEach((value, name) => {
            // Nothing else of the form leaves it before it is saved.
            if (name.startsWith(`${rules.dataset.prefix}-`) || ['csrfmiddlewaretoken', 'allows_everything', 'match_params', 'tenant'].includes(name)) {
                told.append(name, value);
            }
        });
        const answer = await fetch(rules.dataset.wordsUrl, {
            method: 'POST', body: told, credentials: 'same-origin',
        });
        if (answer.ok) {
            words.innerHTML = await answer.text();
        }
    });

    if (rules && rules.dataset.wordsUrl) {
        rules.classList.add('ek-scripted');
        conditions().forEach(prepare);
        showConditions();
        rules.addEventListener('input', event => {
            if (!event.target.closest('.ek-search')) {
                sayWords();
            }
        });
        rules.addEventListener('change', event => {
            const moved = event.target.matches('[name$="-kind"]') && event.target.closest('.ek-condition');
            if (moved) {
                // It leaves the rule that it was of: rules that allow and that deny are counted apart.
                part(moved, 'number').value = '';
                part(moved, 'number').value = String(nextNumber(event.target.value));
            }
            showConditions();
            if (!event.target.closest('.ek-search')) {
                sayWords();
            }
        });
        for (const id of ['#id_allows_everything', '#id_match_params', '#id_tenant']) {
            document.querySelector(id)?.addEventListener('change', sayWords);
        }
        document.addEventListener('formset:added', event => {
            const row = event.target;
            if (event.detail?.formsetName !== rules.dataset.prefix) {
                return;
            }
            const kind = joining ? part(joining, 'kind').value : 'allow';
            part(row, 'kind').value = kind;
            if (joining) {
                part(row, 'number').value = part(joining, 'number').value;
                // Behind the last one of its rule, where it belongs.
                conditions().filter(each => each !== row && key(each) === key(joining)).pop().after(row);
            } else {
                part(row, 'number').value = '';
                part(row, 'number').value = String(nextNumber(kind));
            }
            joining = null;
            prepare(row);
            showConditions();
            part(row, 'kind').focus();
        });
        document.addEventListener('formset:removed', event => {
            if (event.detail?.formsetName === rules.dataset.prefix) {
                showConditions();
                sayWords();
                rules.querySelector('.add-row a')?.focus();
            }
        });
    }

    /* Of the credentials only what the kind that is chosen asks for. */

    const type = document.querySelector('#id_auth_type');
    if (type) {
        const showSecrets = () => {
            const wanted = {basic: ['username', 'password'], bearer: ['token']}[type.value] || [];
            for (const name of ['username', 'password', 'token']) {
                const line = document.querySelector(`.form-row.field-${name}`);
                if (line) {
                    line.hidden = !wanted.includes(name);
                    line.classList.toggle('hidden', line.hidden);
                }
            }
        };
        type.addEventListener('change', showSecrets);
        showSecrets();
    }
    const protocol = document.querySelector('#id_protocol');
    const sensor = document.querySelector('.form-row.field-sensor');
    if (protocol && sensor) {
        const showSensor = () => {
            const needless = protocol.value !== 'caliper' && !document.querySelector('#id_sensor').value;
            sensor.classList.toggle('hidden', needless);
        };
        protocol.addEventListener('change', showSensor);
        showSensor();
    }
});
