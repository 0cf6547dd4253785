BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0004');
CREATE TABLE assistants (
	id TEXT NOT NULL, 
	member_id TEXT NOT NULL, 
	project_id TEXT, 
	settings BLOB NOT NULL, 
	version INTEGER NOT NULL, 
	created_at_ms BIGINT NOT NULL, 
	updated_at_ms BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(member_id) REFERENCES members (id), 
	FOREIGN KEY(project_id) REFERENCES projects (id)
);
INSERT INTO "assistants" VALUES('asst_a','mem_a','prj_a',X'7B226E616D65223A224C657474657273227D',2,1032,1033);
CREATE TABLE budgets (
	id TEXT NOT NULL, 
	project_id TEXT NOT NULL, 
	key_id TEXT, 
	window TEXT NOT NULL, 
	limit_nano BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(project_id) REFERENCES projects (id), 
	FOREIGN KEY(key_id) REFERENCES keys (id)
);
INSERT INTO "budgets" VALUES('bud_a','prj_a',NULL,'month',5000000000);
INSERT INTO "budgets" VALUES('bud_b','prj_b','key_b','day',1);
CREATE TABLE connections (
	id TEXT NOT NULL, 
	project_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	place TEXT NOT NULL, 
	sealed_url BLOB NOT NULL, 
	created_at_ms BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(project_id) REFERENCES projects (id)
);
CREATE TABLE conversations (
	id TEXT NOT NULL, 
	member_id TEXT NOT NULL, 
	project_id TEXT NOT NULL, 
	title TEXT NOT NULL, 
	title_source TEXT NOT NULL, 
	model TEXT NOT NULL, 
	assistant_id TEXT, 
	instructions TEXT, 
	parameters BLOB NOT NULL, 
	is_temporary BOOLEAN NOT NULL, 
	shown_message_id TEXT, 
	pinned_at_ms BIGINT, 
	archived_at_ms BIGINT, 
	shared_at_ms BIGINT, 
	imported_from TEXT, 
	created_at_ms BIGINT NOT NULL, 
	updated_at_ms BIGINT NOT NULL, library_ids TEXT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(member_id) REFERENCES members (id), 
	FOREIGN KEY(project_id) REFERENCES projects (id)
);
INSERT INTO "conversations" VALUES('conv_a','mem_a','prj_a','Zwetschgenkuchen','question','old','shipped:letter','Be brief.',X'7B2274656D7065726174757265223A302E357D',0,'msg_b',1020,NULL,1021,NULL,1022,1023,'["lib_a"]');
INSERT INTO "conversations" VALUES('conv_b','mem_a','prj_a','','none','old',NULL,NULL,X'7B7D',1,NULL,NULL,NULL,NULL,'chatgpt:1',1024,1025,NULL);
CREATE TABLE "deployments" (
	name TEXT NOT NULL, 
	model_sha256 TEXT, 
	settings BLOB NOT NULL, 
	created_at_ms BIGINT NOT NULL, 
	sealed_key BLOB, 
	PRIMARY KEY (name), 
	FOREIGN KEY(model_sha256) REFERENCES model_files (sha256)
);
INSERT INTO "deployments" VALUES('old','cdcd',X'7B226D6F64656C223A226F6C642D6D6F64656C222C226D61785F696E5F666C69676874223A327D',1005,X'01FF');
CREATE TABLE documents (
	id TEXT NOT NULL, 
	library_id TEXT NOT NULL, 
	member_id TEXT, 
	name TEXT NOT NULL, 
	sha256 TEXT NOT NULL, 
	size_bytes BIGINT NOT NULL, 
	kind TEXT, 
	title TEXT, 
	language TEXT, 
	status TEXT NOT NULL, 
	pages INTEGER, 
	pages_done INTEGER NOT NULL, 
	problem BLOB, 
	notes BLOB NOT NULL, 
	version INTEGER NOT NULL, 
	superseded_at_ms BIGINT, 
	lease_until_ms BIGINT, 
	attempts INTEGER NOT NULL, 
	created_at_ms BIGINT NOT NULL, 
	updated_at_ms BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(library_id) REFERENCES libraries (id), 
	FOREIGN KEY(member_id) REFERENCES members (id)
);
INSERT INTO "documents" VALUES('doc_a','lib_a','mem_a','lease.pdf','efef',4096,'pdf','Lease','fr','ready',2,2,NULL,X'5B5D',1,NULL,NULL,1,1044,1045);
CREATE TABLE drills (
	id TEXT NOT NULL, 
	without TEXT NOT NULL, 
	started_at_ms BIGINT NOT NULL, 
	ends_at_ms BIGINT NOT NULL, 
	ended_at_ms BIGINT, 
	started_by TEXT NOT NULL, 
	report BLOB, 
	PRIMARY KEY (id)
);
INSERT INTO "drills" VALUES('drill_a','provider:acme',1048,2048,1848,'mem_a',NULL);
CREATE TABLE embeds (
	id TEXT NOT NULL, 
	member_id TEXT NOT NULL, 
	project_id TEXT NOT NULL, 
	assistant_id TEXT NOT NULL, 
	key_id TEXT NOT NULL, 
	title TEXT NOT NULL, 
	allowed_origins TEXT NOT NULL, 
	created_at_ms BIGINT NOT NULL, 
	revoked_at_ms BIGINT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(member_id) REFERENCES members (id), 
	FOREIGN KEY(project_id) REFERENCES projects (id), 
	FOREIGN KEY(key_id) REFERENCES keys (id)
);
INSERT INTO "embeds" VALUES('emb_a','mem_a','prj_a','asst_a','key_d','Help','["https://example.org"]',1034,NULL);
CREATE TABLE engine_instances (
	deployment TEXT NOT NULL, 
	nonce TEXT NOT NULL, 
	address TEXT, 
	state TEXT NOT NULL, 
	message TEXT NOT NULL, 
	pid BIGINT, 
	supports_tools BOOLEAN NOT NULL, 
	updated_at_ms BIGINT NOT NULL, 
	PRIMARY KEY (deployment)
);
INSERT INTO "engine_instances" VALUES('old','nonce','127.0.0.1:5000','ready','',4711,0,1006);
CREATE TABLE keys (
	id TEXT NOT NULL, 
	project_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	prefix TEXT NOT NULL, 
	digest BLOB NOT NULL, 
	rights TEXT NOT NULL, 
	allowed_models TEXT, 
	requests_per_minute BIGINT, 
	tokens_per_minute BIGINT, 
	expires_at_ms BIGINT, 
	revoked_at_ms BIGINT, 
	created_at_ms BIGINT NOT NULL, member_id TEXT REFERENCES members (id), policy BLOB, 
	PRIMARY KEY (id), 
	FOREIGN KEY(project_id) REFERENCES projects (id), 
	UNIQUE (prefix)
);
INSERT INTO "keys" VALUES('key_a','prj_a','first','tmt_aaaaaaaa',X'ABCD','["infer","read","operate"]',NULL,NULL,NULL,NULL,NULL,1002,NULL,NULL);
INSERT INTO "keys" VALUES('key_b','prj_b','gone','tmt_bbbbbbbb',X'ABCE','["infer"]','["a"]',5,6,7000,8000,1003,NULL,NULL);
INSERT INTO "keys" VALUES('key_c','prj_a','ada','mbr_cccccccc',X'','["infer"]',NULL,NULL,NULL,NULL,NULL,1012,'mem_a',NULL);
INSERT INTO "keys" VALUES('key_d','prj_a','embed','tmt_dddddddd',X'ABCF','["infer"]',NULL,NULL,NULL,NULL,NULL,1013,NULL,NULL);
CREATE TABLE libraries (
	id TEXT NOT NULL, 
	project_id TEXT NOT NULL, 
	member_id TEXT, 
	conversation_id TEXT, 
	name TEXT NOT NULL, 
	description TEXT NOT NULL, 
	created_at_ms BIGINT NOT NULL, 
	updated_at_ms BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(project_id) REFERENCES projects (id), 
	FOREIGN KEY(member_id) REFERENCES members (id), 
	UNIQUE (conversation_id), 
	FOREIGN KEY(conversation_id) REFERENCES conversations (id)
);
INSERT INTO "libraries" VALUES('lib_a','prj_a','mem_a',NULL,'Contracts','What was signed',1040,1041);
INSERT INTO "libraries" VALUES('lib_b','prj_a','mem_a','conv_a','','',1042,1043);
CREATE TABLE links (
	id TEXT NOT NULL, 
	digest BLOB NOT NULL, 
	purpose TEXT NOT NULL, 
	email TEXT, 
	is_admin BOOLEAN NOT NULL, 
	project_id TEXT, 
	role TEXT, 
	member_id TEXT, 
	created_by TEXT, 
	created_at_ms BIGINT NOT NULL, 
	expires_at_ms BIGINT NOT NULL, 
	used_at_ms BIGINT, 
	revoked_at_ms BIGINT, 
	PRIMARY KEY (id), 
	UNIQUE (digest), 
	FOREIGN KEY(project_id) REFERENCES projects (id), 
	FOREIGN KEY(member_id) REFERENCES members (id)
);
INSERT INTO "links" VALUES('link_a',X'0102','invitation','cleo@example.com',0,'prj_a','member',NULL,'mem_a',1015,9015,NULL,NULL);
INSERT INTO "links" VALUES('link_b',X'0103','reset',NULL,0,NULL,NULL,'mem_b',NULL,1016,9016,1017,NULL);
CREATE TABLE members (
	id TEXT NOT NULL, 
	email TEXT NOT NULL, 
	name TEXT NOT NULL, 
	password_hash TEXT, 
	is_admin BOOLEAN NOT NULL, 
	language TEXT NOT NULL, 
	preferences BLOB NOT NULL, 
	disabled_at_ms BIGINT, 
	created_at_ms BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (email)
);
INSERT INTO "members" VALUES('mem_a','ada@example.com','Ada','hash',1,'fr',X'7B7D',NULL,1010);
INSERT INTO "members" VALUES('mem_b','ben@example.com','Ben',NULL,0,'de',X'7B226122203A317D',9000,1011);
CREATE TABLE memberships (
	member_id TEXT NOT NULL, 
	project_id TEXT NOT NULL, 
	role TEXT NOT NULL, 
	key_id TEXT NOT NULL, 
	created_at_ms BIGINT NOT NULL, 
	PRIMARY KEY (member_id, project_id), 
	FOREIGN KEY(member_id) REFERENCES members (id), 
	FOREIGN KEY(project_id) REFERENCES projects (id), 
	UNIQUE (key_id), 
	FOREIGN KEY(key_id) REFERENCES keys (id)
);
INSERT INTO "memberships" VALUES('mem_a','prj_a','manager','key_c',1014);
CREATE TABLE messages (
	"row" INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	conversation_id TEXT NOT NULL, 
	parent_id TEXT, 
	role TEXT NOT NULL, 
	status TEXT NOT NULL, 
	content BLOB NOT NULL, 
	text TEXT NOT NULL, 
	model TEXT, 
	receipt BLOB, 
	error BLOB, 
	client_id TEXT, 
	rating TEXT, 
	rating_reason TEXT, 
	created_at_ms BIGINT NOT NULL, 
	updated_at_ms BIGINT NOT NULL, 
	PRIMARY KEY ("row"), 
	UNIQUE (id), 
	FOREIGN KEY(conversation_id) REFERENCES conversations (id)
);
INSERT INTO "messages" VALUES(1,'msg_a','conv_a',NULL,'user','done',X'5B7B2274797065223A2274657874222C2274657874223A224FC3B93F227D5D','Où?',NULL,NULL,NULL,'c-1',NULL,NULL,1026,1026);
INSERT INTO "messages" VALUES(2,'msg_b','conv_a','msg_a','assistant','done',X'5B7B2274797065223A2274657874222C2274657874223A22C3802047656EC3A876652E227D5D','À Genève.','old',X'7B22726571756573745F6964223A227265712D31222C226D6F64656C223A226F6C64222C226465706C6F796D656E74223A226F6C64227D',NULL,NULL,'up','short',1027,1028);
CREATE VIRTUAL TABLE messages_words USING fts5(text, owners, content='messages_searched', content_rowid='row', tokenize='unicode61 remove_diacritics 2', prefix='2 3');
CREATE TABLE model_files (
	sha256 TEXT NOT NULL, 
	name TEXT NOT NULL, 
	size_bytes BIGINT NOT NULL, 
	architecture TEXT NOT NULL, 
	parameters BIGINT, 
	quantisation TEXT, 
	context_tokens BIGINT, 
	has_chat_template BOOLEAN NOT NULL, 
	added_at_ms BIGINT NOT NULL, 
	PRIMARY KEY (sha256), 
	UNIQUE (name)
);
INSERT INTO "model_files" VALUES('cdcd','old-model',12345,'llama',1000,'Q8_0',2048,1,1004);
CREATE TABLE passages (
	"row" INTEGER NOT NULL, 
	document_id TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	page INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	heading TEXT NOT NULL, 
	text TEXT NOT NULL, 
	language TEXT, 
	boxes BLOB NOT NULL, 
	stems TEXT NOT NULL, 
	owner TEXT NOT NULL, 
	PRIMARY KEY ("row"), 
	FOREIGN KEY(document_id) REFERENCES documents (id)
);
CREATE VIRTUAL TABLE passages_words USING fts5(stems, content='', tokenize='unicode61 remove_diacritics 0');
CREATE VIRTUAL TABLE passages_words_terms USING fts5vocab('passages_words', 'row');
CREATE TABLE projects (
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	requests_per_minute BIGINT NOT NULL, 
	tokens_per_minute BIGINT NOT NULL, 
	allowed_models TEXT, 
	closed_reason TEXT, 
	created_at_ms BIGINT NOT NULL, policy BLOB, 
	PRIMARY KEY (id), 
	UNIQUE (name)
);
INSERT INTO "projects" VALUES('prj_a','default',1000,400000,NULL,NULL,1000,X'7B226A7572697364696374696F6E73223A5B224555225D7D');
INSERT INTO "projects" VALUES('prj_b','closed-one',1,1,'["a","b"]','spent',1001,NULL);
CREATE TABLE prompts (
	id TEXT NOT NULL, 
	member_id TEXT NOT NULL, 
	project_id TEXT, 
	title TEXT NOT NULL, 
	body TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	created_at_ms BIGINT NOT NULL, 
	updated_at_ms BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(member_id) REFERENCES members (id), 
	FOREIGN KEY(project_id) REFERENCES projects (id)
);
INSERT INTO "prompts" VALUES('prompt_a','mem_a',NULL,'Mine','Write to {{name}}.',3,1030,1031);
CREATE TABLE providers (
	name TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	settings BLOB NOT NULL, 
	sealed_key BLOB, 
	by_command BOOLEAN NOT NULL, 
	created_at_ms BIGINT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "providers" VALUES('acme','mistral',X'7B226B696E64223A226D69737472616C222C22726567696F6E223A226575227D',X'02FF',1,1046);
CREATE TABLE revision (
	id INTEGER NOT NULL CONSTRAINT one_row CHECK (id = 1), 
	value BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "revision" VALUES(1,41);
CREATE TABLE routes (
	name TEXT NOT NULL, 
	settings BLOB NOT NULL, 
	created_at_ms BIGINT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "routes" VALUES('best',X'7B226465706C6F796D656E7473223A5B226F6C64225D7D',1047);
CREATE TABLE sessions (
	id TEXT NOT NULL, 
	digest BLOB NOT NULL, 
	member_id TEXT NOT NULL, 
	user_agent TEXT NOT NULL, 
	created_at_ms BIGINT NOT NULL, 
	seen_at_ms BIGINT NOT NULL, 
	expires_at_ms BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (digest), 
	FOREIGN KEY(member_id) REFERENCES members (id)
);
INSERT INTO "sessions" VALUES('ses_a',X'0203','mem_a','Firefox',1018,1019,9019);
CREATE TABLE shares (
	id TEXT NOT NULL, 
	digest BLOB NOT NULL, 
	conversation_id TEXT NOT NULL, 
	message_id TEXT NOT NULL, 
	created_at_ms BIGINT NOT NULL, 
	revoked_at_ms BIGINT, 
	PRIMARY KEY (id), 
	UNIQUE (digest), 
	FOREIGN KEY(conversation_id) REFERENCES conversations (id)
);
INSERT INTO "shares" VALUES('shr_a',X'0304','conv_a','msg_b',1029,NULL);
CREATE TABLE tables (
	id TEXT NOT NULL, 
	library_id TEXT, 
	document_id TEXT, 
	connection_id TEXT, 
	name TEXT NOT NULL, 
	title TEXT NOT NULL, 
	row_count BIGINT, 
	columns BLOB NOT NULL, 
	notes BLOB NOT NULL, 
	created_at_ms BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(library_id) REFERENCES libraries (id), 
	FOREIGN KEY(document_id) REFERENCES documents (id), 
	FOREIGN KEY(connection_id) REFERENCES connections (id)
);
CREATE TABLE usage (
	request_id TEXT NOT NULL, 
	attempt INTEGER NOT NULL, 
	project_id TEXT NOT NULL, 
	key_id TEXT NOT NULL, 
	model TEXT NOT NULL, 
	deployment TEXT NOT NULL, 
	started_at_ms BIGINT NOT NULL, 
	settled_at_ms BIGINT NOT NULL, 
	prompt_tokens BIGINT NOT NULL, 
	completion_tokens BIGINT NOT NULL, 
	cached_tokens BIGINT NOT NULL, 
	cost_nano BIGINT NOT NULL, 
	estimated BOOLEAN NOT NULL, 
	status TEXT NOT NULL, provider TEXT DEFAULT '' NOT NULL, region TEXT DEFAULT '' NOT NULL, cache_write_tokens BIGINT DEFAULT '0' NOT NULL, is_priced BOOLEAN DEFAULT 1 NOT NULL, 
	PRIMARY KEY (request_id, attempt)
);
INSERT INTO "usage" VALUES('req-1',1,'prj_a','key_a','old','old',2001,3001,1,2,0,1500,1,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-2',1,'prj_a','key_a','old','old',2002,3002,2,4,0,3000,0,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-3',1,'prj_a','key_a','old','old',2003,3003,3,6,0,4500,1,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-4',1,'prj_a','key_a','old','old',2004,3004,4,8,0,6000,0,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-5',1,'prj_a','key_a','old','old',2005,3005,5,10,0,7500,1,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-6',1,'prj_a','key_a','old','old',2006,3006,6,12,0,9000,0,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-7',1,'prj_a','key_a','old','old',2007,3007,7,14,0,10500,1,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-8',1,'prj_a','key_a','old','old',2008,3008,8,16,0,12000,0,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-9',1,'prj_a','key_a','old','old',2009,3009,9,18,0,13500,1,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-10',1,'prj_a','key_a','old','old',2010,3010,10,20,0,15000,0,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-11',1,'prj_a','key_a','old','old',2011,3011,11,22,0,16500,1,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-12',1,'prj_a','key_a','old','old',2012,3012,12,24,0,18000,0,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-13',1,'prj_a','key_a','old','old',2013,3013,13,26,0,19500,1,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-14',1,'prj_a','key_a','old','old',2014,3014,14,28,0,21000,0,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-15',1,'prj_a','key_a','old','old',2015,3015,15,30,0,22500,1,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-16',1,'prj_a','key_a','old','old',2016,3016,16,32,0,24000,0,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-17',1,'prj_a','key_a','old','old',2017,3017,17,34,0,25500,1,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-18',1,'prj_a','key_a','old','old',2018,3018,18,36,0,27000,0,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-19',1,'prj_a','key_a','old','old',2019,3019,19,38,0,28500,1,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-20',1,'prj_a','key_a','old','old',2020,3020,20,40,0,30000,0,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-21',1,'prj_a','key_a','old','old',2021,3021,21,42,0,31500,1,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-22',1,'prj_a','key_a','old','old',2022,3022,22,44,0,33000,0,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-23',1,'prj_a','key_a','old','old',2023,3023,23,46,0,34500,1,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-24',1,'prj_a','key_a','old','old',2024,3024,24,48,0,36000,0,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-25',1,'prj_a','key_a','old','old',2025,3025,25,50,0,37500,1,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-26',1,'prj_a','key_a','old','old',2026,3026,26,52,0,39000,0,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-27',1,'prj_a','key_a','old','old',2027,3027,27,54,0,40500,1,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-28',1,'prj_a','key_a','old','old',2028,3028,28,56,0,42000,0,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-29',1,'prj_a','key_a','old','old',2029,3029,29,58,0,43500,1,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-30',1,'prj_a','key_a','old','old',2030,3030,30,60,0,45000,0,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-31',1,'prj_a','key_a','old','old',2031,3031,31,62,0,46500,1,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-32',1,'prj_a','key_a','old','old',2032,3032,32,64,0,48000,0,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-33',1,'prj_a','key_a','old','old',2033,3033,33,66,0,49500,1,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-34',1,'prj_a','key_a','old','old',2034,3034,34,68,0,51000,0,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-35',1,'prj_a','key_a','old','old',2035,3035,35,70,0,52500,1,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-36',1,'prj_a','key_a','old','old',2036,3036,36,72,0,54000,0,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-37',1,'prj_a','key_a','old','old',2037,3037,37,74,0,55500,1,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-38',1,'prj_a','key_a','old','old',2038,3038,38,76,0,57000,0,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-39',1,'prj_a','key_a','old','old',2039,3039,39,78,0,58500,1,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-40',1,'prj_a','key_a','old','old',2040,3040,40,80,0,60000,0,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-41',1,'prj_a','key_a','old','old',2041,3041,41,82,0,61500,1,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-42',1,'prj_a','key_a','old','old',2042,3042,42,84,0,63000,0,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-43',1,'prj_a','key_a','old','old',2043,3043,43,86,0,64500,1,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-44',1,'prj_a','key_a','old','old',2044,3044,44,88,0,66000,0,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-45',1,'prj_a','key_a','old','old',2045,3045,45,90,0,67500,1,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-46',1,'prj_a','key_a','old','old',2046,3046,46,92,0,69000,0,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-47',1,'prj_a','key_a','old','old',2047,3047,47,94,0,70500,1,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-48',1,'prj_a','key_a','old','old',2048,3048,48,96,0,72000,0,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-49',1,'prj_a','key_a','old','old',2049,3049,49,98,0,73500,1,'ok','acme','eu',7,0);
INSERT INTO "usage" VALUES('req-50',1,'prj_a','key_a','old','old',2050,3050,50,100,0,75000,0,'ok','acme','eu',7,0);
CREATE TABLE vectors (
	document_id TEXT NOT NULL, 
	first INTEGER NOT NULL, 
	count INTEGER NOT NULL, 
	model TEXT NOT NULL, 
	data BLOB NOT NULL, 
	PRIMARY KEY (document_id, first), 
	FOREIGN KEY(document_id) REFERENCES documents (id)
);
INSERT INTO "vectors" VALUES('doc_a',0,1,'embed',X'0000803F');
CREATE UNIQUE INDEX keys_live_name ON keys (project_id, name) WHERE revoked_at_ms IS NULL;
CREATE UNIQUE INDEX budgets_of_project ON budgets (project_id, window) WHERE key_id IS NULL;
CREATE UNIQUE INDEX budgets_of_key ON budgets (key_id, window) WHERE key_id IS NOT NULL;
CREATE INDEX usage_spend ON usage (project_id, key_id, started_at_ms, cost_nano);
CREATE INDEX usage_started ON usage (started_at_ms);
CREATE INDEX sessions_member ON sessions (member_id);
CREATE INDEX conversations_member ON conversations (member_id, updated_at_ms);
CREATE INDEX conversations_project ON conversations (project_id, shared_at_ms);
CREATE INDEX messages_conversation ON messages (conversation_id, "row");
CREATE INDEX messages_running ON messages (status) WHERE status IN ('queued', 'running');
CREATE UNIQUE INDEX messages_client_id ON messages (conversation_id, client_id) WHERE client_id IS NOT NULL;
CREATE VIEW messages_searched AS SELECT row, text, (SELECT replace(member_id || ' ' || id, '_', '') FROM conversations WHERE id = messages.conversation_id) AS owners FROM messages;
CREATE TRIGGER messages_words_added AFTER INSERT ON messages BEGIN INSERT INTO messages_words(rowid, text, owners) VALUES (new.row, new.text, (SELECT replace(member_id || ' ' || id, '_', '') FROM conversations WHERE id = new.conversation_id)); END;
CREATE TRIGGER messages_words_removed AFTER DELETE ON messages BEGIN INSERT INTO messages_words(messages_words, rowid, text, owners) VALUES ('delete', old.row, old.text, (SELECT replace(member_id || ' ' || id, '_', '') FROM conversations WHERE id = old.conversation_id)); END;
CREATE TRIGGER messages_words_changed AFTER UPDATE OF text ON messages BEGIN INSERT INTO messages_words(messages_words, rowid, text, owners) VALUES ('delete', old.row, old.text, (SELECT replace(member_id || ' ' || id, '_', '') FROM conversations WHERE id = old.conversation_id));INSERT INTO messages_words(rowid, text, owners) VALUES (new.row, new.text, (SELECT replace(member_id || ' ' || id, '_', '') FROM conversations WHERE id = new.conversation_id)); END;
CREATE INDEX libraries_project ON libraries (project_id, updated_at_ms);
CREATE INDEX documents_library ON documents (library_id, name, version);
CREATE INDEX documents_sha256 ON documents (sha256);
CREATE INDEX documents_unfinished ON documents (status, created_at_ms) WHERE status IN ('queued', 'reading');
CREATE UNIQUE INDEX passages_document ON passages (document_id, number);
CREATE INDEX tables_library ON tables (library_id);
CREATE INDEX tables_document ON tables (document_id);
CREATE INDEX tables_connection ON tables (connection_id);
CREATE TRIGGER passages_words_added AFTER INSERT ON passages BEGIN INSERT INTO passages_words(rowid, stems) SELECT new.row, replace(' ' || new.stems, ' ', ' ' || new.owner) WHERE new.owner <> ''; END;
CREATE TRIGGER passages_words_removed AFTER DELETE ON passages BEGIN INSERT INTO passages_words(passages_words, rowid, stems) SELECT 'delete', old.row, replace(' ' || old.stems, ' ', ' ' || old.owner) WHERE old.owner <> ''; END;
CREATE TRIGGER passages_words_changed AFTER UPDATE OF stems, owner ON passages BEGIN INSERT INTO passages_words(passages_words, rowid, stems) SELECT 'delete', old.row, replace(' ' || old.stems, ' ', ' ' || old.owner) WHERE old.owner <> '';INSERT INTO passages_words(rowid, stems) SELECT new.row, replace(' ' || new.stems, ' ', ' ' || new.owner) WHERE new.owner <> ''; END;
INSERT INTO messages_words(messages_words) VALUES('rebuild');
COMMIT;
