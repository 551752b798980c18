import django.db.models.deletion
import django.utils.timezone
import eventkit.contrib.django.fields
import eventkit.contrib.django.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Consumer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slug', models.CharField(help_text='Its unique name in logs, counts and dead letters; it cannot be changed later.', max_length=100, unique=True, verbose_name='id')),
                ('name', models.CharField(blank=True, help_text='What people call it.', max_length=200)),
                ('protocol', models.CharField(choices=[('xapi', 'xAPI'), ('caliper', 'Caliper')], default='xapi', max_length=10)),
                ('url', models.CharField(max_length=2000, verbose_name='URL')),
                ('enabled', models.BooleanField(default=False, help_text='One that is not gets nothing.')),
                ('paused', models.BooleanField(default=False, help_text='What it may have is accepted and waits; nothing is sent.')),
                ('paused_by_representative', models.BooleanField(default=False, editable=False)),
                ('awaits_credentials', models.BooleanField(default=False, editable=False)),
                ('gone_at', models.DateTimeField(blank=True, editable=False, help_text='When it answered 410 Gone. Nothing is sent until it is resumed.', null=True)),
                ('tries', models.PositiveIntegerField(default=1, editable=False)),
                ('allows_everything', models.BooleanField(default=False, help_text='It may have every event that no rule denies; without, what a rule allows.')),
                ('options', models.JSONField(blank=True, default=dict, help_text='What else a consumers file may say: batch, timeout, override, sensor, version, plain_http, inherits, match_params.')),
                ('public_only', models.BooleanField(default=False, help_text='Only https, and no address of this machine or of an inner network.', verbose_name='public addresses only')),
                ('from_portal', models.BooleanField(default=False, editable=False)),
                ('note', models.TextField(blank=True)),
                ('created', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('changed', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('revision', models.PositiveIntegerField(default=1, editable=False)),
                ('representatives', models.ManyToManyField(blank=True, related_name='eventkit_consumers', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('slug',),
                'permissions': (('operate_consumer', 'Can pause, resume, test and replay'), ('all_organisations', 'Can see the consumers, events and letters of all organisations')),
            },
        ),
        migrations.CreateModel(
            name='Version',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.BigIntegerField(default=0)),
                ('stamp', models.CharField(default=eventkit.contrib.django.models.new_stamp, max_length=32)),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='Credential',
            fields=[
                ('consumer', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='credential', serialize=False, to='eventkit.consumer')),
                ('auth_type', models.CharField(choices=[('none', 'none'), ('basic', 'basic (username and password)'), ('bearer', 'bearer (token)')], default='none', max_length=10)),
                ('secrets', eventkit.contrib.django.fields.SealedField(null=True)),
                ('headers', eventkit.contrib.django.fields.SealedField(null=True)),
                ('outline', models.JSONField(default=dict, editable=False)),
                ('changed', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='AccessRequest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('organisation', models.CharField(max_length=200)),
                ('contact', models.EmailField(max_length=254)),
                ('protocol', models.CharField(choices=[('xapi', 'xAPI'), ('caliper', 'Caliper')], default='xapi', max_length=10)),
                ('url', models.CharField(max_length=2000, verbose_name='URL')),
                ('auth_type', models.CharField(choices=[('none', 'none'), ('basic', 'basic (username and password)'), ('bearer', 'bearer (token)')], default='none', max_length=10, verbose_name='credentials')),
                ('courses', models.JSONField(default=list)),
                ('organisations', models.JSONField(default=list)),
                ('events', models.JSONField(default=list)),
                ('asked', models.JSONField(default=dict)),
                ('scope', models.TextField(blank=True)),
                ('why', models.TextField()),
                ('state', models.CharField(choices=[('waiting', 'waiting for a decision'), ('approved', 'approved'), ('refused', 'refused'), ('withdrawn', 'withdrawn')], default='waiting', max_length=10)),
                ('created', models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                ('decided_at', models.DateTimeField(null=True)),
                ('reason', models.TextField(blank=True)),
                ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('who', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='eventkit_requests', to=settings.AUTH_USER_MODEL)),
                ('consumer', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='requests', to='eventkit.consumer')),
            ],
            options={
                'ordering': ('-created', '-pk'),
                'permissions': (('decide_accessrequest', 'Can approve and refuse requests for access'),),
                'default_permissions': ('view', 'add'),
            },
        ),
        migrations.CreateModel(
            name='Letter',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('letter_id', models.CharField(max_length=64, unique=True, verbose_name='id')),
                ('consumer_slug', models.CharField(blank=True, max_length=100, verbose_name='consumer')),
                ('org', models.CharField(blank=True, max_length=255, verbose_name='organisation')),
                ('reason', models.CharField(max_length=100)),
                ('name', models.CharField(blank=True, max_length=255, verbose_name='event')),
                ('protocol', models.CharField(blank=True, max_length=10)),
                ('status', models.IntegerField(null=True)),
                ('attempts', models.IntegerField(default=0)),
                ('detail', models.CharField(blank=True, max_length=500)),
                ('time', models.DateTimeField()),
                ('body', eventkit.contrib.django.fields.SealedField()),
            ],
            options={
                'verbose_name': 'dead letter',
                'ordering': ('-time', '-pk'),
                'default_permissions': ('view', 'delete'),
                'indexes': [models.Index(fields=['time', 'id'], name='eventkit_letter_time'), models.Index(fields=['consumer_slug', 'time'], name='eventkit_letter_consumer'), models.Index(fields=['reason', 'time'], name='eventkit_letter_reason'), models.Index(fields=['org', 'time'], name='eventkit_letter_org')],
            },
        ),
        migrations.CreateModel(
            name='Presence',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('process', models.CharField(max_length=100)),
                ('host', models.CharField(max_length=100)),
                ('consumer_slug', models.CharField(max_length=100)),
                ('state', models.CharField(max_length=40)),
                ('reason', models.CharField(blank=True, max_length=100)),
                ('status', models.IntegerField(null=True)),
                ('detail', models.CharField(blank=True, max_length=500)),
                ('pending', models.BigIntegerField(default=0)),
                ('store', models.CharField(blank=True, max_length=64)),
                ('oldest', models.DateTimeField(null=True)),
                ('last_success', models.DateTimeField(null=True)),
                ('error_at', models.DateTimeField(null=True)),
                ('error_reason', models.CharField(blank=True, max_length=100)),
                ('error_status', models.IntegerField(null=True)),
                ('error_detail', models.CharField(blank=True, max_length=500)),
                ('error_response', eventkit.contrib.django.fields.SealedField(null=True)),
                ('is_closed', models.BooleanField(default=False)),
                ('seen', models.DateTimeField(db_index=True)),
            ],
            options={
                'default_permissions': (),
                'indexes': [models.Index(fields=['consumer_slug', 'seen'], name='eventkit_presence_seen')],
                'constraints': [models.UniqueConstraint(fields=('process', 'consumer_slug'), name='eventkit_presence_once')],
            },
        ),
        migrations.CreateModel(
            name='Replay',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('who_name', models.CharField(blank=True, max_length=200)),
                ('is_program', models.BooleanField(default=False)),
                ('created', models.DateTimeField(default=django.utils.timezone.now)),
                ('started', models.DateTimeField(null=True)),
                ('seen', models.DateTimeField(null=True)),
                ('process', models.CharField(blank=True, max_length=100)),
                ('ended', models.DateTimeField(null=True)),
                ('chosen', models.JSONField(default=dict)),
                ('words', models.CharField(blank=True, max_length=500)),
                ('state', models.CharField(choices=[('waiting', 'waiting'), ('running', 'running'), ('done', 'done'), ('failed', 'failed')], default='waiting', max_length=10)),
                ('total', models.IntegerField(default=0)),
                ('done', models.IntegerField(default=0)),
                ('delivered', models.IntegerField(default=0)),
                ('refused', models.IntegerField(default=0)),
                ('kept', models.JSONField(default=dict)),
                ('notes', models.JSONField(default=list)),
                ('who', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('-created', '-pk'),
                'default_permissions': ('view',),
            },
        ),
        migrations.CreateModel(
            name='Report',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('process', models.CharField(max_length=100)),
                ('host', models.CharField(max_length=100)),
                ('consumer_slug', models.CharField(max_length=100)),
                ('minute', models.DateTimeField(db_index=True)),
                ('delivered', models.BigIntegerField(default=0)),
                ('retried', models.BigIntegerField(default=0)),
                ('dead', models.BigIntegerField(default=0)),
                ('dropped', models.BigIntegerField(default=0)),
                ('conflict', models.BigIntegerField(default=0)),
                ('reasons', models.JSONField(default=dict)),
            ],
            options={
                'verbose_name': 'delivery',
                'verbose_name_plural': 'delivery',
                'default_permissions': ('view',),
                'indexes': [models.Index(fields=['consumer_slug', 'minute'], name='eventkit_report_minute')],
                'constraints': [models.UniqueConstraint(fields=('process', 'consumer_slug', 'minute'), name='eventkit_report_once')],
            },
        ),
        migrations.CreateModel(
            name='Tenant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, unique=True)),
                ('organisations', models.JSONField(default=list, help_text='As course keys have them, such as edX or MITx.')),
                ('users', models.ManyToManyField(blank=True, related_name='eventkit_tenants', to=settings.AUTH_USER_MODEL, verbose_name='staff')),
            ],
            options={
                'ordering': ('name',),
            },
        ),
        migrations.AddField(
            model_name='consumer',
            name='tenant',
            field=models.ForeignKey(blank=True, help_text="It gets only events of this tenant's organisations, whatever its rules say.", null=True, on_delete=django.db.models.deletion.PROTECT, related_name='consumers', to='eventkit.tenant'),
        ),
        migrations.CreateModel(
            name='AuditEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('when', models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                ('who_name', models.CharField(blank=True, max_length=200)),
                ('consumer_slug', models.CharField(blank=True, db_index=True, max_length=100)),
                ('action', models.CharField(max_length=40)),
                ('field', models.CharField(blank=True, max_length=200)),
                ('old', models.TextField(blank=True)),
                ('new', models.TextField(blank=True)),
                ('who', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('consumer', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='audit', to='eventkit.consumer')),
                ('tenant', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='eventkit.tenant')),
            ],
            options={
                'verbose_name_plural': 'audit entries',
                'ordering': ('-when', '-pk'),
                'default_permissions': ('view',),
            },
        ),
        migrations.CreateModel(
            name='Rule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('allow', 'allow'), ('deny', 'deny')], default='allow', max_length=5)),
                ('number', models.PositiveIntegerField(default=1, help_text='Rows of one kind and number are one rule: all of them must match.')),
                ('field', models.CharField(max_length=200)),
                ('patterns', models.JSONField(default=list)),
                ('unknown', models.BooleanField(default=False, help_text='Its patterns may match nothing that is known.')),
                ('missing', models.BooleanField(default=False, help_text='Denies also where an event lacks the field.')),
                ('consumer', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='rules', to='eventkit.consumer')),
            ],
            options={
                'ordering': ('kind', 'number', 'pk'),
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('consumer', 'kind', 'number', 'field'), name='eventkit_rule_field_once')],
            },
        ),
    ]
