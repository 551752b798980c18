"""
Request access: where the people behind a consumer ask for events, and look after what they got.

`wanted` turns what was asked for into access rules, and says whose it is; `forms`, `views` and
`urls` are the pages of representatives; `mails` tells who has to know. Requests are decided in
Django's admin (`eventkit.contrib.django.admin.requests`).
"""
